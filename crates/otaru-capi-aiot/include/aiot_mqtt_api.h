/* The session with the platform. */
#ifndef OTARU_AIOT_MQTT_API_H
#define OTARU_AIOT_MQTT_API_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    AIOT_MQTTRECV_PUB,
    AIOT_MQTTRECV_HEARTBEAT_RESPONSE,
    AIOT_MQTTRECV_SUB_ACK,
    AIOT_MQTTRECV_UNSUB_ACK,
    AIOT_MQTTRECV_PUB_ACK
} aiot_mqtt_recv_type_t;

/* Something came. Valid until the handler returns; topic and payload do not end with a NUL. */
typedef struct {
    aiot_mqtt_recv_type_t type;
    union {
        struct {
            uint8_t qos;
            char *topic;
            uint16_t topic_len;
            uint8_t *payload;
            uint32_t payload_len;
        } pub;
        struct {
            int32_t res; /* STATE_SUCCESS or STATE_MQTT_SUBACK_RCODE_FAILURE */
            uint8_t max_qos;
            uint16_t packet_id;
        } sub_ack;
        struct {
            uint16_t packet_id;
        } unsub_ack;
        struct {
            uint16_t packet_id; /* what aiot_mqtt_pub gave */
        } pub_ack;
    } data;
} aiot_mqtt_recv_t;

typedef void (*aiot_mqtt_recv_handler_t)(void *handle, const aiot_mqtt_recv_t *packet, void *userdata);

typedef enum {
    AIOT_MQTTEVT_CONNECT,
    AIOT_MQTTEVT_RECONNECT,
    AIOT_MQTTEVT_DISCONNECT
} aiot_mqtt_event_type_t;

typedef enum {
    AIOT_MQTTDISCONNEVT_NETWORK_DISCONNECT,
    AIOT_MQTTDISCONNEVT_HEARTBEAT_DISCONNECT
} aiot_mqtt_disconnect_event_type_t;

typedef struct {
    aiot_mqtt_event_type_t type;
    union {
        aiot_mqtt_disconnect_event_type_t disconnect;
    } data;
} aiot_mqtt_event_t;

typedef void (*aiot_mqtt_event_handler_t)(void *handle, const aiot_mqtt_event_t *event, void *userdata);

/* A handler for what a filter matches, without a subscription. */
typedef struct {
    char *topic;
    aiot_mqtt_recv_handler_t handler;
    void *userdata;
} aiot_mqtt_topic_map_t;

/* What each wants, and its default. Texts and numbers are copied. */
typedef enum {
    AIOT_MQTTOPT_HOST,                  /* char * */
    AIOT_MQTTOPT_PORT,                  /* uint16_t * */
    AIOT_MQTTOPT_PRODUCT_KEY,           /* char * */
    AIOT_MQTTOPT_DEVICE_NAME,           /* char * */
    AIOT_MQTTOPT_DEVICE_SECRET,         /* char * */
    AIOT_MQTTOPT_EXTEND_CLIENTID,       /* char *, added to the client id */
    AIOT_MQTTOPT_SECURITY_MODE,         /* char *, "2" with TLS, else "3" */
    AIOT_MQTTOPT_USERNAME,              /* char *, with PASSWORD and CLIENTID in place of the triple */
    AIOT_MQTTOPT_PASSWORD,              /* char * */
    AIOT_MQTTOPT_CLIENTID,              /* char * */
    AIOT_MQTTOPT_KEEPALIVE_SEC,         /* uint16_t *, 1200 */
    AIOT_MQTTOPT_CLEAN_SESSION,         /* uint8_t *, 0 or 1; sessions are clean whatever is set */
    AIOT_MQTTOPT_NETWORK_CRED,          /* aiot_sysdep_network_cred_t *, none */
    AIOT_MQTTOPT_CONNECT_TIMEOUT_MS,    /* uint32_t *, 10000 */
    AIOT_MQTTOPT_HEARTBEAT_INTERVAL_MS, /* uint32_t *, 25000 */
    AIOT_MQTTOPT_HEARTBEAT_MAX_LOST,    /* uint8_t *, 2 */
    AIOT_MQTTOPT_RECONN_ENABLED,        /* uint8_t *, 0 or 1; 1 */
    AIOT_MQTTOPT_RECONN_INTERVAL_MS,    /* uint32_t *, 2000 and growing; set: this and not growing */
    AIOT_MQTTOPT_SEND_TIMEOUT_MS,       /* uint32_t *, 5000 */
    AIOT_MQTTOPT_RECV_TIMEOUT_MS,       /* uint32_t *, 5000 */
    AIOT_MQTTOPT_REPUB_TIMEOUT_MS,      /* uint32_t *, 3000; otaru sends again after a reconnect only */
    AIOT_MQTTOPT_DEINIT_TIMEOUT_MS,     /* uint32_t *, 2000 */
    AIOT_MQTTOPT_RECV_HANDLER,          /* aiot_mqtt_recv_handler_t: what no filter matches */
    AIOT_MQTTOPT_EVENT_HANDLER,         /* aiot_mqtt_event_handler_t */
    AIOT_MQTTOPT_APPEND_TOPIC_MAP,      /* aiot_mqtt_topic_map_t * */
    AIOT_MQTTOPT_REMOVE_TOPIC_MAP,      /* aiot_mqtt_topic_map_t * */
    AIOT_MQTTOPT_APPEND_REQUESTID,      /* uint8_t *, 0 or 1; 0 */
    AIOT_MQTTOPT_USERDATA,              /* any pointer */
    AIOT_MQTTOPT_MAX_REPUB_NUM,         /* uint16_t *, 50 */
    AIOT_MQTTOPT_TOPIC_HEADER_CHECK,    /* uint8_t *, 0 or 1; 1: a topic begins with a slash */
    AIOT_MQTTOPT_MAX
} aiot_mqtt_option_t;

/* A session that is not open; NULL without a port file. */
void *aiot_mqtt_init(void);

/* Sets an option. It counts from the next connect on, but for handlers, timeouts of calls and filters: those at once. */
int32_t aiot_mqtt_setopt(void *handle, aiot_mqtt_option_t option, void *data);

/* Ends a handle and sets *handle to NULL. Calls under way on other threads are waited for. */
int32_t aiot_mqtt_deinit(void **handle);

/* Connects and logs in; blocks until the platform has answered. */
int32_t aiot_mqtt_connect(void *handle);

/* Says good-bye. */
int32_t aiot_mqtt_disconnect(void *handle);

/* Sends one sign of life. */
int32_t aiot_mqtt_heartbeat(void *handle);

/* Does what is due. To be called at least once a second or so. */
int32_t aiot_mqtt_process(void *handle);

/* Publishes. With QoS 1 the number that AIOT_MQTTRECV_PUB_ACK will bear, else STATE_SUCCESS. */
int32_t aiot_mqtt_pub(void *handle, char *topic, uint8_t *payload, uint32_t payload_len, uint8_t qos);

/* Subscribes; the handler gets what the filter matches. NULL: the default handler does. */
int32_t aiot_mqtt_sub(void *handle, char *topic, aiot_mqtt_recv_handler_t handler, uint8_t qos, void *userdata);

/* Ends a subscription and forgets its handlers. */
int32_t aiot_mqtt_unsub(void *handle, char *topic);

/*
 * Receives for at most AIOT_MQTTOPT_RECV_TIMEOUT_MS and calls the handlers; connects again where the connection is lost.
 * STATE_SYS_DEPEND_NWK_CLOSED comes at once while that has to wait: sleep, and call again.
 */
int32_t aiot_mqtt_recv(void *handle);

#ifdef __cplusplus
}
#endif

#endif
