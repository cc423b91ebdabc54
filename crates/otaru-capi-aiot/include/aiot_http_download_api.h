/* Tasks, and files by HTTP(S). */
#ifndef OTARU_AIOT_HTTP_DOWNLOAD_API_H
#define OTARU_AIOT_HTTP_DOWNLOAD_API_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STATE_DOWNLOAD_RECV_ERROR                      (-0x0903)
#define STATE_DOWNLOAD_SEND_REQUEST_FAILED             (-0x0906)
#define STATE_DOWNLOAD_RANGE_FINISHED                  (-0x0907)
#define STATE_DOWNLOAD_DEINIT_HANDLE_IS_NULL           (-0x090C)
#define STATE_DOWNLOAD_SETOPT_HANDLE_IS_NULL           (-0x090D)
#define STATE_DOWNLOAD_SETOPT_DATA_IS_NULL             (-0x090E)
#define STATE_DOWNLOAD_SETOPT_COPIED_DATA_IS_NULL      (-0x090F)
#define STATE_DOWNLOAD_REPORT_HANDLE_IS_NULL           (-0x0918)
#define STATE_DOWNLOAD_REPORT_TASK_DESC_IS_NULL        (-0x0919)
#define STATE_DOWNLOAD_RECV_HANDLE_IS_NULL             (-0x091A)
#define STATE_DOWNLOAD_REQUEST_HANDLE_IS_NULL          (-0x091B)
#define STATE_DOWNLOAD_REQUEST_TASK_DESC_IS_NULL       (-0x091C)
#define STATE_DOWNLOAD_REQUEST_URL_IS_NULL             (-0x091D)
#define STATE_DOWNLOAD_FINISHED                        (-0x091F)
#define STATE_DOWNLOAD_HTTPRSP_CODE_ERROR              (-0x0920)
#define STATE_DOWNLOAD_HTTPRSP_HEADER_ERROR            (-0x0921)
#define STATE_DOWNLOAD_RENEWAL_REQUEST_SENT            (-0x0922)
#define STATE_DOWNLOAD_SETOPT_MALLOC_SHA256_CTX_FAILED (-0x0923)
#define STATE_DOWNLOAD_SETOPT_MALLOC_MD5_CTX_FAILED    (-0x0924)
#define STATE_DOWNLOAD_FETCH_TOO_MANY                  (-0x0927)

typedef enum {
    AIOT_OTA_DIGEST_MD5,
    AIOT_OTA_DIGEST_SHA256,
    AIOT_OTA_DIGEST_MAX
} aiot_ota_digest_type_t;

typedef enum {
    AIOT_OTA_PROTOCOL_HTTPS,
    AIOT_OTA_PROTOCOL_MQTT,
    AIOT_OTA_PROTOCOL_MAX
} aiot_ota_protocol_type_t;

/* One file of a task. Valid until the handler returns; AIOT_DLOPT_TASK_DESC and AIOT_MDOPT_TASK_DESC copy it. */
typedef struct {
    char *product_key;
    char *device_name;
    char *url;                /* NULL if it comes over MQTT */
    uint32_t stream_id;       /* of MQTT */
    uint32_t stream_file_id;  /* of MQTT */
    uint32_t size_total;      /* bytes */
    uint8_t digest_method;    /* aiot_ota_digest_type_t */
    char *expect_digest;      /* hex */
    char *version;            /* a configuration's: its id */
    char *module;             /* NULL: the whole device */
    void *mqtt_handle;
    char *extra_data;         /* the text of a JSON object, or NULL */
    char *file_name;          /* of a package of several files, else NULL */
    uint32_t file_num;        /* files of this task */
    uint32_t file_id;         /* this one, from 0 */
    aiot_ota_protocol_type_t protocol_type;
} aiot_download_task_desc_t;

typedef enum {
    AIOT_DLRECV_HTTPBODY
} aiot_download_recv_type_t;

/* Bytes of the file, in order. Valid until the handler returns. A negative percent is the last one of its handle. */
typedef struct {
    aiot_download_recv_type_t type;
    struct {
        uint8_t *buffer;
        uint32_t len;
        int32_t percent; /* of the whole file; or an aiot_ota_protocol_errcode_t */
    } data;
} aiot_download_recv_t;

typedef void (*aiot_download_recv_handler_t)(void *handle, const aiot_download_recv_t *packet, void *userdata);

typedef enum {
    AIOT_DLOPT_NETWORK_CRED,        /* aiot_sysdep_network_cred_t *: whom to trust on https */
    AIOT_DLOPT_NETWORK_PORT,        /* uint16_t *: where the link names no port */
    AIOT_DLOPT_RECV_TIMEOUT_MS,     /* uint32_t *, 5000 */
    AIOT_DLOPT_RECV_HANDLER,        /* aiot_download_recv_handler_t */
    AIOT_DLOPT_USERDATA,            /* any pointer */
    AIOT_DLOPT_TASK_DESC,           /* aiot_download_task_desc_t * */
    AIOT_DLOPT_RANGE_START,         /* uint32_t *, 0 */
    AIOT_DLOPT_RANGE_END,           /* uint32_t *, inclusive; 0: to the file's end */
    AIOT_DLOPT_BODY_BUFFER_MAX_LEN, /* uint32_t *, 2048 */
    AIOT_DLOPT_MAX
} aiot_download_option_t;

/* A download of which nothing is set; NULL without a port file. */
void *aiot_download_init(void);

/* Ends a handle and sets *handle to NULL. */
int32_t aiot_download_deinit(void **handle);

int32_t aiot_download_setopt(void *handle, aiot_download_option_t option, void *data);

/* Begins, or goes on with the range that is set. */
int32_t aiot_download_send_request(void *handle);

/*
 * Gives at most one buffer to the handler and its length as result; 0 if nothing came in time. STATE_DOWNLOAD_FINISHED when
 * all bytes of the file are here, STATE_DOWNLOAD_RANGE_FINISHED when those of a range are, another code after a failure.
 */
int32_t aiot_download_recv(void *handle);

/* Tells the platform how far the task is: 0 to 100, or an aiot_ota_protocol_errcode_t. */
int32_t aiot_download_report_progress(void *handle, int32_t percent);

#ifdef __cplusplus
}
#endif

#endif
