/* Updates, step by step (aliyun-iotkit-v3, section 3).
 *
 *   IOT_OTA_Init … IOT_MQTT_Yield … IOT_OTA_IsFetching is 1: IOT_OTA_FetchYield until IOT_OTA_IsFetchFinish is 1, then
 *   IOT_OTA_Ioctl(h, IOT_OTAG_CHECK_FIRMWARE, &good, 4).
 *
 * The image is good only if that says 1. */
#ifndef OTARU_IOTKIT_OTA_API_H
#define OTARU_IOTKIT_OTA_API_H

#include "infra_defs.h"
#include "infra_types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    IOT_OTAE_GENERAL = -1,
    IOT_OTAE_INVALID_PARAM = -2,
    IOT_OTAE_INVALID_STATE = -3,
    IOT_OTAE_STR_TOO_LONG = -4,
    IOT_OTAE_FETCH_FAILED = -5,
    IOT_OTAE_NOMEM = -6,
    IOT_OTAE_OSC_FAILED = -7,
    IOT_OTAE_NONE = 0
} IOT_OTA_Err_t;

typedef enum {
    IOT_OTAS_UNINITED = 0,
    IOT_OTAS_INITED = 1,
    IOT_OTAS_PUSHED = 2,
    IOT_OTAS_FETCHING = 3,
    IOT_OTAS_FETCHED = 4
} IOT_OTA_State_t;

typedef enum {
    IOT_OTAT_NONE = 0,
    IOT_OTAT_COTA = 1,
    IOT_OTAT_FOTA = 2
} IOT_OTA_Type_t;

/* Percent, or where it failed. */
typedef enum {
    IOT_OTAP_BURN_FAILED = -4,
    IOT_OTAP_CHECK_FALIED = -3, /* spelt so in the vendor's header */
    IOT_OTAP_CHECK_FAILED = -3, /* and so in its documentation */
    IOT_OTAP_FETCH_FAILED = -2,
    IOT_OTAP_GENERAL_FAILED = -1,
    IOT_OTAP_FETCH_PERCENTAGE_MIN = 0,
    IOT_OTAP_FETCH_PERCENTAGE_MAX = 100
} IOT_OTA_Progress_t;

/* "u32": a 4-byte-aligned uint32_t, length exactly 4. "alloc": a char * that is NULL; HAL_Malloc gives the text, the
 * application frees it with HAL_Free; any length but 0. */
typedef enum {
    IOT_OTAG_COTA_CONFIG_ID = 0,    /* alloc */
    IOT_OTAG_COTA_CONFIG_SIZE = 1,  /* u32 */
    IOT_OTAG_COTA_SIGN = 2,         /* alloc */
    IOT_OTAG_COTA_SIGN_METHOD = 3,  /* alloc */
    IOT_OTAG_COTA_URL = 4,          /* alloc */
    IOT_OTAG_COTA_GETTYPE = 5,      /* alloc */
    IOT_OTAG_OTA_TYPE = 6,          /* u32: IOT_OTA_Type_t */
    IOT_OTAG_FETCHED_SIZE = 7,      /* u32 */
    IOT_OTAG_FILE_SIZE = 8,         /* u32 */
    IOT_OTAG_MD5SUM = 9,            /* char[33] */
    IOT_OTAG_VERSION = 10,          /* char[], 128 by custom; cut to its length */
    IOT_OTAG_MODULE = 11,           /* char[]; empty for the device itself */
    IOT_OTAG_CHECK_FIRMWARE = 12,   /* u32: 1 good, 0 bad */
    IOT_OTAG_CHECK_CONFIG = 13,     /* u32: 1 good, 0 bad */
    IOT_OTAG_RESET_FETCHED_SIZE = 14, /* any: the next IOT_OTA_FetchYield begins at the first byte */
    IOT_OTAG_RESET_STATE = 15       /* any, NULL too: back to IOT_OTAS_INITED */
} IOT_OTA_CmdType_t;

/* Begins to listen for updates. One a process; the texts are copied. ch_signal is the handle of IOT_MQTT_Construct.
 * NULL: there is one already, a text is NULL or no such name, there is no session, or a subscription failed. */
void *IOT_OTA_Init(const char *product_key, const char *device_name, void *ch_signal);

/* Stops listening; a download under way ends. Returns 0; -2 for NULL, -1 if there is none (any more). */
int IOT_OTA_Deinit(void *handle);

/* Tells the version that runs, 1 to 32 letters, digits, '.', '_', '-'. Returns 0; -2 for NULL; -1 for other texts or if
 * it cannot be sent. */
int IOT_OTA_ReportVersion(void *handle, const char *version);

/* Tells how far the update is; msg may be NULL. Returns 0; -2 for NULL; -1 outside -4 to 100; -4 if the message would have
 * more than 255 bytes; -7 if it cannot be sent. */
int IOT_OTA_ReportProgress(void *handle, IOT_OTA_Progress_t progress, const char *msg);

/* 1 from a push until all bytes are fetched, else 0. */
int IOT_OTA_IsFetching(void *handle);

/* 1 once all bytes are fetched, until the next push or a reset; else 0. */
int IOT_OTA_IsFetchFinish(void *handle);

/* Waits at most that long for bytes and gives at most buf_len - 1 of them; the rest of buf is not touched but for a NUL
 * behind them. Returns how many; -2 for NULL or length 0; -3 without a task; -0x0209 if none came in time; -0x0208 if the
 * download broke (the next call goes on where it stopped); -0x0605 if the server's file is not the one announced. */
int IOT_OTA_FetchYield(void *handle, char *buf, uint32_t buf_len, uint32_t timeout_s);

/* Asks or resets. Returns 0; -2 for NULL or length 0; -3 if there is no task; -1 for a wrong length or a wrong state. */
int IOT_OTA_Ioctl(void *handle, IOT_OTA_CmdType_t type, void *buf, int buf_len);

/* The last error: IOT_OTA_Err_t. */
int IOT_OTA_GetLastError(void *handle);

/* A function that is called with the OTA handle as soon as a push was accepted; NULL takes it away. Returns 0 or -1. */
int IOT_OTA_SetOnPushedCallback(void *handle, int (*callback)(void *context));

/* Asks for an image, telling the version that runs (1 to 32 bytes). Returns 0; -2 for NULL; -1 for other texts, while
 * fetching, or if it cannot be sent. In no header of the vendor's. */
int iotx_req_image(void *handle, const char *version);

/* Asks for the configuration: scope "product", type "file". Returns as iotx_req_image. In no header of the vendor's. */
int iotx_ota_get_config(void *handle, const char *configScope, const char *getType, const char *attributeKeys);

#ifdef __cplusplus
}
#endif

#endif
