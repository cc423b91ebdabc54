/* One update of a JD device, as JD's documents describe a program (jd-iot-engine, section 6.4).
 *
 * usage: jd_update HOST PORT PRODUCT IDENTIFIER SECRET VERSION FILE PIECE [CERTIFICATES]
 * Prints what happens. Ends with 0 when the firmware is in FILE and its version is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "iot_ota.h"

/* How long the flash takes for a piece, in milliseconds. */
#ifndef FLASH_MS
#define FLASH_MS 0
#endif

static char **arguments;

int hal_get_product_key(char *product_key)
{
    strcpy(product_key, arguments[3]);
    return 0;
}

int hal_get_identifier(char *identifier)
{
    strcpy(identifier, arguments[4]);
    return 0;
}

int hal_get_device_secret(char *device_secret)
{
    strcpy(device_secret, arguments[5]);
    return 0;
}

static void on_event(void *context, void *client, iot_mqtt_event_msg_pt msg)
{
    (void)context, (void)client;
    if (msg->event_type == IOT_MQTT_EVENT_DISCONNECT || msg->event_type == IOT_MQTT_EVENT_RECONNECT) {
        puts(msg->event_type == IOT_MQTT_EVENT_DISCONNECT ? "disconnected" : "reconnected");
    }
}

static char *text_of(const char *file)
{
    static char text[16384];
    FILE *from = fopen(file, "rb");
    if (from == NULL) {
        return NULL;
    }
    text[fread(text, 1, sizeof text - 1, from)] = '\0';
    fclose(from);
    return text;
}

/* Returns what iot_ota_fetch_yield returned last. */
static int fetch(void *ota, FILE *image, uint32_t piece)
{
    otaru_jd_firmware_t firmware;
    uint64_t fetched = 0;
    int last_percent = 0;
    int last = 0;
    const struct timespec flash = {0, FLASH_MS * 1000000L};
    char *buf = malloc(piece);
    while (buf != NULL && !iot_ota_fetch_finish(ota)) {
        last = iot_ota_fetch_yield(ota, buf, piece, 10);
        if (last > 0 && otaru_jd_firmware(ota, &firmware) == 0) {
            int percent;
            fwrite(buf, 1, (size_t)last, image);
            nanosleep(&flash, NULL);
            fetched += (uint64_t)last;
            percent = (int)(fetched * 100 / firmware.size);
            if (percent >= last_percent + 10) {
                last_percent = percent;
                iot_ota_report_progress(ota, IOT_OTA_STATUS_DOWNLOADING, (uint32_t)percent);
            }
        }
    }
    free(buf);
    printf("fetched %d bytes, last %s\n", (int)fetched, last < 0 ? "failed" : "well");
    return last;
}

static int run(void *client, void *ota)
{
    otaru_jd_firmware_t firmware;
    FILE *image = fopen(arguments[7], "wb");
    int result = 3;
    if (image == NULL || iot_ota_report_firmware_version(ota, arguments[6]) != 0) {
        return 2;
    }
    while (!iot_ota_is_fetching(ota)) {
        if (iot_mqtt_yield(client, 100) != 0) {
            return 2;
        }
    }
    if (otaru_jd_firmware(ota, &firmware) == 0) {
        printf("firmware %s of %d bytes, md5 %s, silent %d\n", firmware.version, (int)firmware.size, firmware.md5,
               firmware.silent);
    }
    if (fetch(ota, image, (uint32_t)strtoul(arguments[8], NULL, 10)) >= 0) {
        printf("success: %d\n", iot_ota_report_progress(ota, IOT_OTA_STATUS_SUCCESS, 100));
        /* Here a device boots its new firmware, which says: */
        result = iot_ota_report_firmware_version(ota, firmware.version);
    }
    fclose(image);
    iot_mqtt_yield(client, 100);
    return result;
}

int main(int argc, char **argv)
{
    iot_mqtt_param_t params;
    void *client;
    void *ota;
    int result = 1;
    if (argc != 9 && argc != 10) {
        return 9;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    arguments = argv;
    memset(&params, 0, sizeof params);
    params.host = argv[1];
    params.port = (uint16_t)atoi(argv[2]);
    params.handle_event.h_fp = on_event;
    params.pub_key = argc == 10 ? text_of(argv[9]) : NULL;
    client = iot_mqtt_construct(&params);
    ota = iot_ota_init(argv[3], argv[4], client);
    if (ota != NULL) {
        otaru_jd_trust(ota, params.pub_key);
        puts("listening");
        result = run(client, ota);
        iot_ota_destroy(ota);
    }
    iot_mqtt_destroy(&client);
    return client == NULL ? result : 9;
}
