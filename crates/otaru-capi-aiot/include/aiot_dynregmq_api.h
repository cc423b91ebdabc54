/* A device that knows only its product's secret asks for its own, over MQTT. */
#ifndef OTARU_AIOT_DYNREGMQ_API_H
#define OTARU_AIOT_DYNREGMQ_API_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STATE_DYNREGMQ_BASE              (-0x0500)
#define STATE_DYNREGMQ_DEINIT_TIMEOUT    (-0x0501)
#define STATE_DYNREGMQ_NEED_SEND_REQUEST (-0x0502)
#define STATE_DYNREGMQ_AUTH_TIMEOUT      (-0x0503)

typedef enum {
    AIOT_DYNREGMQRECV_DEVICEINFO_WL, /* the secret of a device on the white list */
    AIOT_DYNREGMQRECV_DEVICEINFO_NWL /* a login, for devices that are on none */
} aiot_dynregmq_recv_type_t;

/* Valid until the handler returns. */
typedef struct {
    aiot_dynregmq_recv_type_t type;
    union {
        struct {
            char *device_secret;
        } deviceinfo_wl;
        struct {
            char *clientid;
            char *username;
            char *password;
        } deviceinfo_nwl;
    } data;
} aiot_dynregmq_recv_t;

typedef void (*aiot_dynregmq_recv_handler_t)(void *handle, const aiot_dynregmq_recv_t *packet, void *userdata);

typedef enum {
    AIOT_DYNREGMQOPT_NETWORK_CRED,      /* aiot_sysdep_network_cred_t * */
    AIOT_DYNREGMQOPT_HOST,              /* char * */
    AIOT_DYNREGMQOPT_PORT,              /* uint16_t * */
    AIOT_DYNREGMQOPT_PRODUCT_KEY,       /* char * */
    AIOT_DYNREGMQOPT_PRODUCT_SECRET,    /* char * */
    AIOT_DYNREGMQOPT_DEVICE_NAME,       /* char * */
    AIOT_DYNREGMQOPT_SEND_TIMEOUT_MS,   /* uint32_t *, 5000 */
    AIOT_DYNREGMQOPT_RECV_TIMEOUT_MS,   /* uint32_t *, 5000 */
    AIOT_DYNREGMQOPT_RECV_HANDLER,      /* aiot_dynregmq_recv_handler_t */
    AIOT_DYNREGMQOPT_USERDATA,          /* any pointer */
    AIOT_DYNREGMQOPT_TIMEOUT_MS,        /* uint32_t *, 5000 */
    AIOT_DYNREGMQOPT_DEINIT_TIMEOUT_MS, /* uint32_t *, 2000 */
    AIOT_DYNREGMQOPT_NO_WHITELIST,      /* uint8_t *, 0 or 1; 0 */
    AIOT_DYNREGMQOPT_INSTANCE_ID,       /* char * */
    AIOT_DYNREGMQOPT_MAX
} aiot_dynregmq_option_t;

/* NULL without a port file. */
void *aiot_dynregmq_init(void);

int32_t aiot_dynregmq_setopt(void *handle, aiot_dynregmq_option_t option, void *data);

/* Ends a handle and sets *handle to NULL. */
int32_t aiot_dynregmq_deinit(void **handle);

/* Asks; blocks until the question is out. */
int32_t aiot_dynregmq_send_request(void *handle);

/* Waits for the answer and calls the handler. */
int32_t aiot_dynregmq_recv(void *handle);

#ifdef __cplusplus
}
#endif

#endif
