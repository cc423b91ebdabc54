/* An application of the advanced interface, as iotkit-embedded's example for one device is one: it fetches what it is told of
 * from within the callback, with a port of its own for the flash, and "reboots" into it.
 *
 *   iotkit_linkkit HOST PORT PRODUCT_KEY DEVICE_NAME DEVICE_SECRET MODULE
 *
 * The version that runs is in the file "version"; MODULE is "-" for the device itself. With FAIL_WRITE in the environment the
 * flash refuses, with SLOW_WRITE it takes so many milliseconds for each piece. Exit: 0 once an image or a configuration was fetched, 2 if that failed, 3 nothing came, 1 all else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infra_config.h"
#include "infra_types.h"
#include "infra_defs.h"
#include "infra_compat.h"
#include "dev_model_api.h"
#include "wrappers.h"

static FILE *flash;
static int starts, stops, connected, initialized, result = 3;
static char next_version[128];

/* ---- the application's own port ---- */

int HAL_GetFirmwareVersion(char *version)
{
    FILE *file = fopen("version", "r");
    int read = file != NULL && fscanf(file, "%64s", version) == 1;

    if (file != NULL) {
        fclose(file);
    }
    return read ? (int)strlen(version) : 0;
}

void HAL_Firmware_Persistence_Start(void)
{
    starts++;
    flash = fopen("update.bin", "wb");
}

int HAL_Firmware_Persistence_Write(char *buffer, uint32_t length)
{
    if (getenv("FAIL_WRITE") != NULL) {
        return -1;
    }
    if (getenv("SLOW_WRITE") != NULL) {
        HAL_SleepMs((uint32_t)atoi(getenv("SLOW_WRITE")));
    }
    return fwrite(buffer, 1, length, flash) == length ? 0 : -1;
}

int HAL_Firmware_Persistence_Stop(void)
{
    stops++;
    return fclose(flash);
}

/* ---- callbacks ---- */

static int on_connected(void)
{
    connected++;
    printf("connected\n");
    return 0;
}

static int on_disconnected(void)
{
    printf("disconnected\n");
    return 0;
}

static int on_initialized(const int devid)
{
    initialized = devid == 0;
    return 0;
}

static int on_state(const int code, const char *message)
{
    printf("state -0x%04X %s\n", (unsigned)-code, message);
    return 0;
}

static void fetch(const char *what, int type)
{
    unsigned char buffer[1024];
    int code = IOT_Linkkit_Query(0, (iotx_linkkit_msg_type_t)type, buffer, (int)sizeof buffer);

    printf("%s: %d, %d starts, %d stops\n", what, code, starts, stops);
    result = code == 0 ? 0 : 2;
}

static int on_fota(const int type, const char *version)
{
    strcpy(next_version, version);
    printf("fota %d %s, a yield within: %d\n", type, version, IOT_Linkkit_Yield(10));
    fetch("firmware", ITM_MSG_QUERY_FOTA_DATA);
    return 0;
}

static int on_fota_module(const int type, const char *version, const char *module)
{
    printf("module %s\n", module);
    return on_fota(type, version);
}

static int on_cota(const int type, const char *config_id, int config_size, const char *get_type, const char *sign,
                   const char *sign_method, const char *url)
{
    printf("cota %d %s %d %s %s %s %d\n", type, config_id, config_size, get_type, sign, sign_method, url[0] == 'h');
    fetch("configuration", ITM_MSG_QUERY_COTA_DATA);
    return 0;
}

int main(int argc, char **argv)
{
    iotx_linkkit_dev_meta_info_t meta;
    int region = IOTX_CLOUD_REGION_SHANGHAI, timeout_ms = 30, no = 0, round;
    uint16_t port;

    if (argc != 7) {
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    memset(&meta, 0, sizeof meta);
    HAL_Snprintf(meta.product_key, sizeof meta.product_key, "%s", argv[3]);
    HAL_Snprintf(meta.device_name, sizeof meta.device_name, "%s", argv[4]);
    HAL_Snprintf(meta.device_secret, sizeof meta.device_secret, "%s", argv[5]);
    IOT_SetLogLevel(IOT_LOG_DEBUG);
    IOT_RegisterCallback(ITE_STATE_EVERYTHING, on_state);
    IOT_RegisterCallback(ITE_CONNECT_SUCC, on_connected);
    IOT_RegisterCallback(ITE_DISCONNECTED, on_disconnected);
    IOT_RegisterCallback(ITE_INITIALIZE_COMPLETED, on_initialized);
    IOT_RegisterCallback(ITE_FOTA, on_fota);
    IOT_RegisterCallback(ITE_FOTA_MODULE, on_fota_module);
    IOT_RegisterCallback(ITE_COTA, on_cota);
    IOT_Ioctl(IOTX_IOCTL_SET_DOMAIN, &region);
    IOT_Ioctl(IOTX_IOCTL_SET_DYNAMIC_REGISTER, &no);
    IOT_Ioctl(IOTX_IOCTL_FOTA_TIMEOUT_MS, &timeout_ms);
    port = (uint16_t)atoi(argv[2]);
    if (IOT_Ioctl(IOTX_IOCTL_SET_MQTT_DOMAIN, argv[1]) != 0 || IOT_Ioctl(IOTX_IOCTL_SET_MQTT_PORT, &port) != 0) {
        return 1;
    }
    if (strcmp(argv[6], "-") != 0 && IOT_Ioctl(IOTX_IOCTL_SET_MODULE, argv[6]) != 0) {
        return 1;
    }
    if (IOT_Linkkit_Open(IOTX_LINKKIT_DEV_TYPE_MASTER, &meta) != 0 || IOT_Linkkit_Connect(0) != 0) {
        return 1;
    }
    if (!connected || !initialized) {
        return 1;
    }
    for (round = 0; round < 300 && result == 3; round++) {
        IOT_Linkkit_Yield(100);
    }
    IOT_Linkkit_Yield(100);
    if (result == 0 && next_version[0] != '\0') {
        FILE *file = fopen("version", "w");
        fputs(next_version, file);
        fclose(file);
    }
    if (IOT_Linkkit_Close(0) != 0) {
        return 1;
    }
    return result;
}
