/* Updates of JD Cloud's IoT Engine (jd-iot-engine, section 6). JD published functions and states, but not the numbers of its enums:
 * those here are a proposal (section 6.3), so programs are rebuilt, not relinked. */
#ifndef OTARU_JD_IOT_OTA_H
#define OTARU_JD_IOT_OTA_H

#include <stdint.h>

#include "iot_mqtt.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    IOT_OTA_ERR_OSC_FAILED = -7, /* there is no session */
    IOT_OTA_ERR_NOMEM = -6,
    IOT_OTA_ERR_FETCH_FAILED = -5, /* the download failed, or its MD5 is another */
    IOT_OTA_ERR_STR_TOO_LONG = -4,
    IOT_OTA_ERR_INVALID_STATE = -3, /* nothing is being downloaded */
    IOT_OTA_ERR_INVALID_PARAM = -2, /* an argument is NULL or cannot be, or there is no such handle (any more) */
    IOT_OTA_ERR_GENERAL = -1,
    IOT_OTA_ERR_NONE = 0
} iot_ota_err_t;

/* How far an update is. That it is done is told by iot_ota_report_firmware_version alone. */
typedef enum {
    IOT_OTA_STATUS_BURN_FAILED = -4,
    IOT_OTA_STATUS_VERIFY_FAILED = -3,
    IOT_OTA_STATUS_DOWNLOAD_FAILED = -2,
    IOT_OTA_STATUS_FAILED = -1,
    IOT_OTA_STATUS_DOWNLOADING = 0,
    IOT_OTA_STATUS_UPGRADING = 1,
    IOT_OTA_STATUS_SUCCESS = 2
} iot_ota_status_t;

/* Listens for updates of one device. device_name is the second name in its topics: the identifier that the platform gave it, not
 * the name that people gave it (section 9). Returns the handle, or NULL. */
void *iot_ota_init(const char *product_key, const char *device_name, void *mqtt_client);
/* Ends it, and a download with it. Returns 0 or an iot_ota_err_t. */
int iot_ota_destroy(void *handle);
/* progress is 0 to 100. Returns 0 or an iot_ota_err_t. */
int iot_ota_report_progress(void *handle, iot_ota_status_t status, uint32_t progress);
/* At every boot, and after an upgrade. Returns 0 or an iot_ota_err_t. */
int iot_ota_report_firmware_version(void *handle, const char *version);
/* Returns 1 from a push until the download is over, else 0. */
int iot_ota_is_fetching(void *handle);
/* Returns 1 when a download is over, failed or not: look at what iot_ota_fetch_yield returned last. */
int iot_ota_fetch_finish(void *handle);
/* Writes the next bytes into buf, waiting timeout_s for the first. Returns how many; 0 if none came yet; an iot_ota_err_t if the
 * download failed. A connection that breaks is taken up again where it broke. With the last byte the MD5 is compared: if it is
 * another, the next call returns IOT_OTA_ERR_FETCH_FAILED, and only then the download is over. The platform is told of the
 * first byte and of a failure. */
int iot_ota_fetch_yield(void *handle, char *buf, uint32_t buf_len, uint32_t timeout_s);
/* Asks for a firmware; subscribe to MQTT_SUB_TYPE_OTA_FIRMWARE_GET_INF_REPLY before. Starts no download. Returns the number of the
 * message, or -1. */
int iot_ota_get_firmware_info(void *handle, const char *product_key, const char *identifier, const char *version);

/* ---- otaru's own ---- */
/* What a push announced. */
typedef struct {
    char version[65];
    char md5[33];    /* 32 lower-case hex digits */
    uint64_t size;   /* in bytes */
    uint8_t silent;  /* 1: the device may choose the moment */
} otaru_jd_firmware_t;

/* Tells the firmware of the download that is going on, or was last. Returns 0 or an iot_ota_err_t; firmware is untouched then. */
int otaru_jd_firmware(void *handle, otaru_jd_firmware_t *firmware);
/* PEM: the only certificates that file servers' may lead to, from the next push on; NULL for the web's roots, as at first.
 * Returns 0 or an iot_ota_err_t. */
int otaru_jd_trust(void *handle, const char *ca_pem);

#ifdef __cplusplus
}
#endif

#endif
