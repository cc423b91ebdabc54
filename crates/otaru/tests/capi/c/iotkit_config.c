/* A remote configuration by the basic interface: asked for, read, fetched into update.bin, checked.
 *
 *   iotkit_config HOST PORT PRODUCT_KEY DEVICE_NAME DEVICE_SECRET
 *
 * Exit: 0 if it is good, 2 if it is bad, 1 all else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infra_compat.h"
#include "mqtt_api.h"
#include "ota_api.h"
#include "wrappers.h"

static char *text_of(void *ota, IOT_OTA_CmdType_t type)
{
    char *text = NULL;

    if (IOT_OTA_Ioctl(ota, type, &text, 1) != 0 || text == NULL) {
        exit(1);
    }
    /* The place is taken: it is not overwritten. */
    if (IOT_OTA_Ioctl(ota, type, &text, 1) == 0) {
        exit(1);
    }
    return text;
}

int main(int argc, char **argv)
{
    static const IOT_OTA_CmdType_t texts[] = { IOT_OTAG_COTA_CONFIG_ID, IOT_OTAG_COTA_SIGN, IOT_OTAG_COTA_SIGN_METHOD,
                                               IOT_OTAG_COTA_GETTYPE };
    iotx_mqtt_param_t params;
    void *mqtt, *ota;
    uint32_t kind = 9, size = 0, good = 9;
    char buffer[700], version[128];
    char *url;
    FILE *file;
    int round;

    if (argc != 6) {
        return 1;
    }
    IOT_Ioctl(IOTX_IOCTL_SET_PRODUCT_KEY, argv[3]);
    IOT_Ioctl(IOTX_IOCTL_SET_DEVICE_NAME, argv[4]);
    IOT_Ioctl(IOTX_IOCTL_SET_DEVICE_SECRET, argv[5]);
    memset(&params, 0, sizeof params);
    params.host = argv[1];
    params.port = (uint16_t)atoi(argv[2]);
    mqtt = IOT_MQTT_Construct(&params);
    ota = IOT_OTA_Init(argv[3], argv[4], mqtt);
    if (ota == NULL || IOT_OTA_Ioctl(ota, IOT_OTAG_OTA_TYPE, &kind, 4) != IOT_OTAE_INVALID_STATE) {
        return 1;
    }
    if (iotx_ota_get_config(ota, "product", "file", "") != 0) {
        return 1;
    }
    for (round = 0; round < 300 && !IOT_OTA_IsFetching(ota); round++) {
        IOT_MQTT_Yield(mqtt, 100);
    }
    if (IOT_OTA_Ioctl(ota, IOT_OTAG_OTA_TYPE, &kind, 4) != 0 || kind != IOT_OTAT_COTA) {
        return 1;
    }
    for (round = 0; round < 4; round++) {
        char *text = text_of(ota, texts[round]);
        printf("%s ", text);
        HAL_Free(text);
    }
    url = text_of(ota, IOT_OTAG_COTA_URL);
    IOT_OTA_Ioctl(ota, IOT_OTAG_COTA_CONFIG_SIZE, &size, 4);
    printf("%u %.4s\n", (unsigned)size, url);
    HAL_Free(url);
    if (IOT_OTA_Ioctl(ota, IOT_OTAG_VERSION, version, sizeof version) != -1) {
        return 1;
    }
    file = fopen("update.bin", "wb");
    while (!IOT_OTA_IsFetchFinish(ota)) {
        int len = IOT_OTA_FetchYield(ota, buffer, sizeof buffer, 1);
        if (len > 0) {
            fwrite(buffer, 1, (size_t)len, file);
        }
    }
    fclose(file);
    if (IOT_OTA_Ioctl(ota, IOT_OTAG_CHECK_CONFIG, &good, 4) != 0) {
        return 1;
    }
    IOT_OTA_Deinit(ota);
    IOT_MQTT_Destroy(&mqtt);
    return good == 1 ? 0 : 2;
}
