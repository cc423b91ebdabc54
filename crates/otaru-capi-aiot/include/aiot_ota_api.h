/* Updates: versions up, tasks down. */
#ifndef OTARU_AIOT_OTA_API_H
#define OTARU_AIOT_OTA_API_H

#include <stdint.h>
#include "aiot_http_download_api.h"

#ifdef __cplusplus
extern "C" {
#endif

#define STATE_OTA_BASE                           (-0x0900)
#define STATE_OTA_DIGEST_MATCH                   (-0x0901)
#define STATE_OTA_REPORT_FAILED                  (-0x0902)
#define STATE_OTA_DIGEST_MISMATCH                (-0x0904)
#define STATE_OTA_PARSE_JSON_ERROR               (-0x0905)
#define STATE_OTA_PARSE_JSON_MALLOC_FAILED       (-0x0908)
#define STATE_OTA_DEINIT_HANDLE_IS_NULL          (-0x0909)
#define STATE_OTA_SETOPT_HANDLE_IS_NULL          (-0x090A)
#define STATE_OTA_SETOPT_DATA_IS_NULL            (-0x090B)
#define STATE_OTA_REPORT_HANDLE_IS_NULL          (-0x0910)
#define STATE_OTA_REPORT_VERSION_IS_NULL         (-0x0911)
#define STATE_OTA_REPORT_MQTT_HANDLE_IS_NULL     (-0x0912)
#define STATE_OTA_REPORT_EXT_HANELD_IS_NULL      (-0x0913)
#define STATE_OTA_REPORT_EXT_VERSION_NULL        (-0x0914)
#define STATE_OTA_REPORT_EXT_PRODUCT_KEY_IS_NULL (-0x0915)
#define STATE_OTA_REPORT_EXT_DEVICE_NAME_IS_NULL (-0x0916)
#define STATE_OTA_REPORT_EXT_MQTT_HANDLE_IS_NULL (-0x0917)
#define STATE_OTA_UNKNOWN_DIGEST_METHOD          (-0x091E)
#define STATE_OTA_PARSE_URL_HOST_IS_NULL         (-0x0925)
#define STATE_OTA_PARSE_URL_PATH_IS_NULL         (-0x0926)
#define STATE_OTA_QUERY_FIRMWARE_HANDLE_IS_NULL  (-0x0928)
#define STATE_OTA_HOST_STRING_OVERFLOW           (-0x0929)
#define STATE_OTA_PATH_STRING_OVERFLOW           (-0x092A)

typedef enum {
    AIOT_OTARECV_FOTA, /* an update */
    AIOT_OTARECV_COTA  /* a configuration */
} aiot_ota_recv_type_t;

typedef enum {
    AIOT_OTAERR_UPGRADE_FAILED = -1,
    AIOT_OTAERR_FETCH_FAILED = -2,
    AIOT_OTAERR_CHECKSUM_MISMATCH = -3,
    AIOT_OTAERR_BURN_FAILED = -4
} aiot_ota_protocol_errcode_t;

typedef struct {
    aiot_ota_recv_type_t type;
    aiot_download_task_desc_t *task_desc;
} aiot_ota_recv_t;

/* Called within aiot_mqtt_recv, once for each file of a task. */
typedef void (*aiot_ota_recv_handler_t)(void *handle, const aiot_ota_recv_t *const msg, void *userdata);

typedef enum {
    AIOT_OTAOPT_RECV_HANDLER, /* aiot_ota_recv_handler_t */
    AIOT_OTAOPT_MQTT_HANDLE,  /* of aiot_mqtt_init */
    AIOT_OTAOPT_USERDATA,     /* any pointer */
    AIOT_OTAOPT_MODULE,       /* char *: which module reports and asks; none: the whole device */
    AIOT_OTAOPT_MAX
} aiot_ota_option_t;

/* NULL without a port file. */
void *aiot_ota_init(void);

/* Ends a handle and sets *handle to NULL; before or after its MQTT handle. */
int32_t aiot_ota_deinit(void **handle);

int32_t aiot_ota_setopt(void *handle, aiot_ota_option_t option, void *data);

/* Tells the platform what runs. An update succeeds only by this, with the version of its package. */
int32_t aiot_ota_report_version(void *handle, char *version);

/* The same of a device behind this gateway. */
int32_t aiot_ota_report_version_ext(void *handle, char *product_key, char *device_name, char *version);

/* Asks whether there is a task; the answer comes to the handler. */
int32_t aiot_ota_query_firmware(void *handle);

#ifdef __cplusplus
}
#endif

#endif
