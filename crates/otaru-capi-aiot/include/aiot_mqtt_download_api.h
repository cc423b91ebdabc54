/* Files over the session, for devices without HTTP. */
#ifndef OTARU_AIOT_MQTT_DOWNLOAD_API_H
#define OTARU_AIOT_MQTT_DOWNLOAD_API_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STATE_MQTT_DOWNLOAD_BASE             (-0x1D00)
#define STATE_MQTT_DOWNLOAD_MQTT_HANDLE_NULL (-0x1D01)
#define STATE_MQTT_DOWNLOAD_TASK_DEINIT      (-0x1D02)
#define STATE_MQTT_DOWNLOAD_INIT             (-0x1D03)
#define STATE_MQTT_DOWNLOAD_ING              (-0x1D04)
#define STATE_MQTT_DOWNLOAD_FINISHED         (-0x1D05)
#define STATE_MQTT_DOWNLOAD_SUCCESS          (-0x1D06)
#define STATE_MQTT_DOWNLOAD_FAILED_TIMEOUT   (-0x1D07)
#define STATE_MQTT_DOWNLOAD_FAILED_MISMATCH  (-0x1D08)
#define STATE_MQTT_DOWNLOAD_FAILED_RECVERROR (-0x1D09)
#define STATE_MQTT_DOWNLOAD_ABORT            (-0x1D0A)
#define STATE_MQTT_DOWNLOAD_FILESIZE_ERROR   (-0x1D0B)

typedef enum {
    AIOT_MDRECV_DATA_RESP
} aiot_mqtt_download_recv_type_t;

/* Bytes of the file, in order. Valid until the handler returns. */
typedef struct {
    aiot_mqtt_download_recv_type_t type;
    union {
        struct {
            char *filename; /* a word that names the download */
            uint32_t offset;
            uint32_t data_size;
            char *data;
            int32_t percent;
            int32_t file_lenth;
        } data_resp;
    } data;
} aiot_mqtt_download_recv_t;

typedef void (*aiot_mqtt_download_recv_handler_t)(void *handle, const aiot_mqtt_download_recv_t *packet,
                                                  void *userdata);

typedef enum {
    AIOT_MDOPT_RECV_HANDLE,       /* aiot_mqtt_download_recv_handler_t */
    AIOT_MDOPT_MQTT_HANDLE,       /* refused: the task names it */
    AIOT_MDOPT_USERDATA,          /* any pointer */
    AIOT_MDOPT_TASK_DESC,         /* aiot_download_task_desc_t * */
    AIOT_MDOPT_RANGE_START,       /* uint32_t *, 0 */
    AIOT_MDOPT_RANGE_END,         /* uint32_t *, the byte after the last; 0: to the file's end */
    AIOT_MDOPT_DATA_REQUEST_SIZE, /* uint32_t *, 5120 */
    AIOT_MDOPT_MAX
} aiot_mqtt_download_option_t;

void *aiot_mqtt_download_init(void);

int32_t aiot_mqtt_download_setopt(void *handle, aiot_mqtt_download_option_t option, void *data);

/* Ends a handle and sets *handle to NULL. */
int32_t aiot_mqtt_download_deinit(void **handle);

/* Does what is due and tells how it stands: STATE_MQTT_DOWNLOAD_ING, FINISHED once, then SUCCESS or what failed. */
int32_t aiot_mqtt_download_process(void *handle);

#ifdef __cplusplus
}
#endif

#endif
