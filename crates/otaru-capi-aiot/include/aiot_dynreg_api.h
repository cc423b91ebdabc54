/* A device that knows only its product's secret asks for its own, over HTTPS. */
#ifndef OTARU_AIOT_DYNREG_API_H
#define OTARU_AIOT_DYNREG_API_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STATE_DYNREG_BASE                  (-0x0600)
#define STATE_DYNREG_DEINIT_TIMEOUT        (-0x0601)
#define STATE_DYNREG_NEED_SEND_REQUEST     (-0x0602)
#define STATE_DYNREG_INVALID_STATUS_CODE   (-0x0603)
#define STATE_DYNREG_INVALID_DEVICE_SECRET (-0x0604)

typedef enum {
    AIOT_DYNREGRECV_STATUS_CODE, /* the HTTP status */
    AIOT_DYNREGRECV_DEVICE_INFO  /* the secret */
} aiot_dynreg_recv_type_t;

/* Valid until the handler returns. */
typedef struct {
    aiot_dynreg_recv_type_t type;
    union {
        struct {
            uint32_t code;
        } status_code;
        struct {
            char *device_secret;
        } device_info;
    } data;
} aiot_dynreg_recv_t;

typedef void (*aiot_dynreg_recv_handler_t)(void *handle, const aiot_dynreg_recv_t *packet, void *userdata);

typedef enum {
    AIOT_DYNREGOPT_NETWORK_CRED,      /* aiot_sysdep_network_cred_t * */
    AIOT_DYNREGOPT_HOST,              /* char * */
    AIOT_DYNREGOPT_PORT,              /* uint16_t * */
    AIOT_DYNREGOPT_PRODUCT_KEY,       /* char * */
    AIOT_DYNREGOPT_PRODUCT_SECRET,    /* char * */
    AIOT_DYNREGOPT_DEVICE_NAME,       /* char * */
    AIOT_DYNREGOPT_SEND_TIMEOUT_MS,   /* uint32_t *, 5000 */
    AIOT_DYNREGOPT_RECV_TIMEOUT_MS,   /* uint32_t *, 5000 */
    AIOT_DYNREGOPT_RECV_HANDLER,      /* aiot_dynreg_recv_handler_t */
    AIOT_DYNREGOPT_USERDATA,          /* any pointer */
    AIOT_DYNREGOPT_TIMEOUT_MS,        /* uint32_t *, 5000 */
    AIOT_DYNREGOPT_DEINIT_TIMEOUT_MS, /* uint32_t *, 2000 */
    AIOT_DYNREGOPT_MAX
} aiot_dynreg_option_t;

/* NULL without a port file. */
void *aiot_dynreg_init(void);

int32_t aiot_dynreg_setopt(void *handle, aiot_dynreg_option_t option, void *data);

/* Ends a handle and sets *handle to NULL. */
int32_t aiot_dynreg_deinit(void **handle);

/* Asks; blocks until the question is out. */
int32_t aiot_dynreg_send_request(void *handle);

/* Waits for the answer and calls the handler. */
int32_t aiot_dynreg_recv(void *handle);

#ifdef __cplusplus
}
#endif

#endif
