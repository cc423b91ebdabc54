/* Device updates of OneNET over HTTP (onenet, section 7.1). With CONFIG_TM defined these are the calls of its second
 * generation, "OneNET Studio"; without, those of its first. Both are in one library: the switch says under which names the
 * linker looks for them, so files of both kinds can be one program.
 *
 * Every call blocks, at most timeout_ms, and returns
 *     0          done
 *     below 0    it failed on the device: ERR_*
 *     1 to 99    the platform refuses: OTA_CHECK_*, or OTA_DOWNLOAD_* from ota_download_package
 *     from 100   an HTTP status other than 2xx; 5116 and five-digit numbers are the platform's own codes
 */
#ifndef OTARU_ONENET_OTA_API_H
#define OTARU_ONENET_OTA_API_H

#include <stdbool.h>
#include <stdint.h>

#include "dev_token.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef CONFIG_TM
#define ota_init             otaru_tm_ota_init
#define ota_deinit           otaru_tm_ota_deinit
#define ota_post_version     otaru_tm_ota_post_version
#define ota_check_task       otaru_tm_ota_check_task
#define ota_check_token      otaru_tm_ota_check_token
#define ota_download_package otaru_tm_ota_download_package
#define ota_report_status    otaru_tm_ota_report_status
#endif

typedef bool boolean;

/* What went wrong on the device. */
#define ERR_OK             0
#define ERR_NO_MEM         (-1) /* also: the answer cannot be understood */
#define ERR_INVALID_PARAM  (-2)
#define ERR_INVALID_DATA   (-3) /* other bytes than were asked for, or a file that is not the task's */
#define ERR_RESOURCE_BUSY  (-4)
#define ERR_UNINITIALIZED  (-5) /* ota_init comes first */
#define ERR_INITIALIZING   (-6)
#define ERR_REPETITIVE     (-7) /* ota_deinit comes first */
#define ERR_IO             (-8) /* the connection broke */
#define ERR_NOT_SUPPORT    (-9)
#define ERR_SYSTEM_CONTROL (-10)
#define ERR_NETWORK        (-11) /* the platform cannot be reached */
#define ERR_CLOUD          (-12)
#define ERR_TIMEOUT        (-13)
#define ERR_REQUEST_FAILED (-14) /* the request could not be made */
#define ERR_OVERFLOW       (-15) /* more than there is room for */
#define ERR_OTHERS         (-16)

/* Why the platform refuses. */
#define OTA_ERR_OK                     0
#define OTA_CHECK_NO_DEVICE            1 /* unknown device, or its authorization does not hold */
#define OTA_CHECK_PARAMS_ERROR         2
#define OTA_CHECK_TOKEN_DISCORD        4 /* the task is another device's */
#define OTA_CHECK_INTERNAL_ERROR       7
#define OTA_CHECK_MANUL_MODEL_DISCORD  8
#define OTA_CHECK_VERSION_DISCORD      9 /* a differential package for another version */
#define OTA_CHECK_NO_TASK              11 /* the first generation's number; the second says 10, the third 12012 */
#define OTA_CHECK_TOKEN_EXPIRED        12
#define OTA_CHECK_INVALID_TASK_STATE   17
#define OTA_CHECK_TASK_TERMINATE       20
#define OTA_CHECK_INVALID_OPERATION    21
#define OTA_CHECK_TASK_CANCELED        22
#define OTA_CHECK_VERSION_FORMAT_ERROR 27

/* Why it does not give a file. */
#define OTA_DOWNLOAD_NO_SOURCE         1
#define OTA_DOWNLOAD_FILE_SIZE_DISCORD 2
#define OTA_DOWNLOAD_INVALID_TOKEN     3

/* What ota_report_status tells, beside 0 to 100 for percent. */
#define OTA_DOWNLOAD_SUCCESS         101
#define OTA_DOWNLOAD_NO_MEMORY       102
#define OTA_DOWNLOAD_OUT_OF_MEMORY   103
#define OTA_DOWNLOAD_REQUEST_TIMEOUT 104
#define OTA_DOWNLOAD_LOW_POWER       105
#define OTA_DOWNLOAD_BAD_SIGNAL      106
#define OTA_DOWNLOAD_UNKNOWN_ERROR   107
#define OTA_UPGRADE_SUCCESS          201
#define OTA_UPGRADE_LOW_POWER        202
#define OTA_UPGRADE_OUT_OF_MEMORY    203
#define OTA_UPGRADE_VERSION_DISCORD  204
#define OTA_UPGRADE_MD5_ERROR        205
#define OTA_UPGRADE_UNKNOWN_ERROR    206
#define OTA_UPGRADE_OVER_RETRY       207
#define OTA_UPGRADE_EXPIRED          208

/* Which call an answer came to. */
enum ota_state_t {
    OTA_EVT_POST_VERSION,
    OTA_EVT_CHECK_TASK,
    OTA_EVT_CHECK_TOKEN,
    OTA_EVT_DOWNLOAD_PACKAGE,
    OTA_EVT_REPORT_STATUS
};

/* A task, as the platform tells it. Texts end with a NUL. */
struct ota_task_info_t {
    uint8_t target[32]; /* the version it leads to */
    uint8_t md5[36];    /* of the whole package, 32 lower-case hex digits */
    uint32_t size;      /* of the package, in bytes */
#ifdef CONFIG_TM
    uint32_t tid; /* names it */
#else
    uint8_t token[32];  /* names it */
    uint8_t ip[32];     /* where to fetch it without looking up a name, if cdn was true; the library does not need it */
    uint32_t interval;  /* the pause before a piece is tried again, in seconds */
    int16_t retry;      /* how often a piece may fail */
    uint8_t signal;     /* go on only above this signal */
    uint8_t power;      /* go on only above this battery level */
#endif
    uint8_t type; /* 1: the whole package, 2: a differential one */
};

/* Gets the body of an answer with status 2xx: JSON, or the bytes of the piece that was asked for. Called in the thread of the
 * call, before it returns; data may be written to and is gone afterwards. What it returns does not matter. It may make
 * calls of this library itself. */
typedef int32_t (*ota_evt_cb)(enum ota_state_t state, uint8_t *data, uint32_t data_len);

/* ---- begin and end; one device at a time ---- */
#ifdef CONFIG_TM
/* access_key is the device's or the product's. type is 1 for the radio module's firmware; every other is the application. */
int32_t ota_init(ota_evt_cb evt_cb, const uint8_t *product_id, const uint8_t *dev_name, const uint8_t *access_key,
                 const uint8_t *version, uint8_t type);
#else
/* dev_token is what dev_token_generate writes, dev_id the platform's number of the device. manuf and model are not sent; the
 * vendor's client does not send them either. type is 1 for the radio module's firmware; every other is the application. */
int32_t ota_init(ota_evt_cb evt_cb, const uint8_t *dev_token, const uint8_t *dev_id, const uint8_t *version,
                 const uint8_t *manuf, const uint8_t *model, uint8_t type, boolean cdn);
#endif
void ota_deinit(void);

/* ---- one update, in this order ---- */
/* Tells the version given to ota_init. */
int32_t ota_post_version(uint32_t timeout_ms);
/* Asks for a task. task_info is untouched unless 0 is returned. */
int32_t ota_check_task(struct ota_task_info_t *task_info, uint32_t timeout_ms);
#ifdef CONFIG_TM
int32_t ota_check_token(uint32_t tid, uint32_t timeout_ms);
int32_t ota_download_package(uint32_t tid, uint32_t range_start, uint32_t range_size, uint32_t timeout_ms);
int32_t ota_report_status(uint32_t tid, uint32_t status_code, uint32_t timeout_ms);
#else
/* Asks whether the task is still to be done: before each piece. */
int32_t ota_check_token(uint8_t *token, uint32_t timeout_ms);
/* Fetches range_size bytes from range_start on, or as many as the file still has, and gives them to the callback. */
int32_t ota_download_package(uint8_t *token, uint32_t range_start, uint32_t range_size, uint32_t timeout_ms);
/* Tells how far the task is, or how it ended. That all is well (100, 101, 201) is refused with ERR_INVALID_DATA if the library
 * has fetched the package from its first byte on and not all of it, or its MD5 is another. */
int32_t ota_report_status(uint8_t *token, uint32_t status_code, uint32_t timeout_ms);
#endif

/* ---- otaru's own ---- */
/* Where the platform is, from the next ota_init on: "http://host:port" or "https://host:port"; with "/fuse-ota" behind it the
 * platform's third generation is spoken under CONFIG_TM. ca_pem is the text of the only certificates that its own may lead
 * to, or NULL for the web's roots. A url of NULL forgets what was set. Without it the environment's OTARU_ONENET_URL and
 * OTARU_ONENET_CA (a PEM file) count; without them, the vendor's own platform by plain HTTP.
 * Returns 0, or ERR_INVALID_PARAM. */
int32_t otaru_onenet_platform(const char *url, const char *ca_pem);

#ifdef __cplusplus
}
#endif

#endif
