/* An application of the basic interface, as iotkit-embedded's example for updates is one: it fetches what is pushed into
 * update.bin, checks it and "reboots" into it.
 *
 *   iotkit_basic HOST PORT PRODUCT_KEY DEVICE_NAME DEVICE_SECRET BUFFER
 *
 * The version that runs is in the file "version"; with a file "ca.pem" the session is one over TLS. Exit: 0 rebooted, 2 the image was bad, 3 nothing came, 1 all else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infra_compat.h"
#include "mqtt_api.h"
#include "ota_api.h"
#include "wrappers.h"

/* The application's own port of this one function. */
int HAL_GetFirmwareVersion(char *version)
{
    FILE *file = fopen("version", "r");
    int read = file != NULL && fscanf(file, "%64s", version) == 1;

    if (file != NULL) {
        fclose(file);
    }
    return read ? (int)strlen(version) : 0;
}

/* The certificates of "ca.pem"; NULL if there is no such file. */
static const char *certificates(void)
{
    static char pem[8192];
    FILE *file = fopen("ca.pem", "r");
    size_t len = file != NULL ? fread(pem, 1, sizeof pem - 1, file) : 0;

    if (file != NULL) {
        fclose(file);
    }
    return len > 0 ? pem : NULL;
}

static void heard(void *context, void *client, iotx_mqtt_event_msg_pt msg)
{
    (void)context;
    (void)client;
    printf("event %d\n", (int)msg->event_type);
}

static int upgrade(void *mqtt, void *ota, uint32_t buffer_size)
{
    char *buffer = HAL_Malloc(buffer_size);
    FILE *image = fopen("update.bin", "wb");
    uint32_t fetched = 0, size = 0, good = 0;
    int last = -1;
    char version[128] = { 0 }, md5[33] = { 0 };

    while (!IOT_OTA_IsFetchFinish(ota)) {
        int len = IOT_OTA_FetchYield(ota, buffer, buffer_size, 1);
        int percent;

        if (len > 0) {
            if (fwrite(buffer, 1, (size_t)len, image) != (size_t)len) {
                exit(1);
            }
            fflush(image);
        } else {
            printf("no bytes: %d\n", len);
        }
        IOT_OTA_Ioctl(ota, IOT_OTAG_FETCHED_SIZE, &fetched, 4);
        IOT_OTA_Ioctl(ota, IOT_OTAG_FILE_SIZE, &size, 4);
        percent = (int)((uint64_t)fetched * 100 / size);
        if (percent / 10 > last / 10) {
            IOT_OTA_ReportProgress(ota, (IOT_OTA_Progress_t)percent, "");
            IOT_OTA_ReportProgress(ota, (IOT_OTA_Progress_t)percent, "hello");
            last = percent;
        }
        IOT_MQTT_Yield(mqtt, 1);
    }
    fclose(image);
    HAL_Free(buffer);
    IOT_OTA_Ioctl(ota, IOT_OTAG_MD5SUM, md5, sizeof md5);
    IOT_OTA_Ioctl(ota, IOT_OTAG_VERSION, version, sizeof version);
    IOT_OTA_Ioctl(ota, IOT_OTAG_CHECK_FIRMWARE, &good, 4);
    printf("version %s md5 %s size %u %s\n", version, md5, (unsigned)size, good ? "good" : "bad");
    if (good) {
        FILE *file = fopen("version", "w");
        fputs(version, file);
        fclose(file);
    }
    return good ? 0 : 2;
}

int main(int argc, char **argv)
{
    iotx_conn_info_pt info = NULL;
    iotx_mqtt_param_t params;
    void *mqtt, *ota;
    int result = 3, round;

    if (argc != 7) {
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    IOT_SetLogLevel(IOT_LOG_DEBUG);
    IOT_Ioctl(IOTX_IOCTL_SET_PRODUCT_KEY, argv[3]);
    IOT_Ioctl(IOTX_IOCTL_SET_DEVICE_NAME, argv[4]);
    IOT_Ioctl(IOTX_IOCTL_SET_DEVICE_SECRET, argv[5]);
    if (IOT_SetupConnInfo(argv[3], argv[4], argv[5], (void **)&info) != 0) {
        return 1;
    }
    memset(&params, 0, sizeof params);
    params.host = argv[1];
    params.port = (uint16_t)atoi(argv[2]);
    params.client_id = info->client_id;
    params.username = info->username;
    params.password = info->password;
    params.pub_key = certificates();
    params.request_timeout_ms = 2000;
    params.keepalive_interval_ms = 60000;
    params.read_buf_size = 2048;
    params.write_buf_size = 2048;
    params.handle_event.h_fp = heard;
    mqtt = IOT_MQTT_Construct(&params);
    if (mqtt == NULL) {
        return 1;
    }
    ota = IOT_OTA_Init(argv[3], argv[4], mqtt);
    if (ota == NULL) {
        return 1;
    }
    for (round = 0; round < 300 && result == 3; round++) {
        IOT_MQTT_Yield(mqtt, 100);
        if (IOT_OTA_IsFetching(ota)) {
            result = upgrade(mqtt, ota, (uint32_t)atoi(argv[6]));
        }
    }
    IOT_DumpMemoryStats(IOT_LOG_DEBUG);
    IOT_OTA_Deinit(ota);
    IOT_MQTT_Destroy(&mqtt);
    return result;
}
