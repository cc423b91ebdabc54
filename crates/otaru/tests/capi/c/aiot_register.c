/*
 * Dynamic registration in each of its ways: HOST PORT PRODUCT DEVICE PRODUCT_SECRET WAY, where WAY is http, mqtt or unlisted.
 * Then logs in with what was granted.
 */
#include "aiot_program.h"
#include "aiot_dynreg_api.h"
#include "aiot_dynregmq_api.h"

static char secret[128], client_id[256], user_name[256], password[128];

static void on_http(void *handle, const aiot_dynreg_recv_t *packet, void *userdata)
{
    (void)handle;
    (void)userdata;
    if (packet->type == AIOT_DYNREGRECV_STATUS_CODE) {
        printf("status %u\n", (unsigned)packet->data.status_code.code);
    } else {
        snprintf(secret, sizeof(secret), "%s", packet->data.device_info.device_secret);
    }
}

static void on_mqtt(void *handle, const aiot_dynregmq_recv_t *packet, void *userdata)
{
    (void)handle;
    (void)userdata;
    if (packet->type == AIOT_DYNREGMQRECV_DEVICEINFO_WL) {
        snprintf(secret, sizeof(secret), "%s", packet->data.deviceinfo_wl.device_secret);
    } else {
        snprintf(client_id, sizeof(client_id), "%s", packet->data.deviceinfo_nwl.clientid);
        snprintf(user_name, sizeof(user_name), "%s", packet->data.deviceinfo_nwl.username);
        snprintf(password, sizeof(password), "%s", packet->data.deviceinfo_nwl.password);
    }
}

static int by_http(char **argv, uint16_t port)
{
    void *registration = aiot_dynreg_init();
    int32_t result;
    EXPECT(STATE_SUCCESS, aiot_dynreg_setopt(registration, AIOT_DYNREGOPT_HOST, argv[1]));
    EXPECT(STATE_SUCCESS, aiot_dynreg_setopt(registration, AIOT_DYNREGOPT_PORT, &port));
    EXPECT(STATE_SUCCESS, aiot_dynreg_setopt(registration, AIOT_DYNREGOPT_PRODUCT_KEY, argv[3]));
    EXPECT(STATE_SUCCESS, aiot_dynreg_setopt(registration, AIOT_DYNREGOPT_DEVICE_NAME, argv[4]));
    EXPECT(STATE_USER_INPUT_MISSING_PRODUCT_SECRET, aiot_dynreg_send_request(registration));
    EXPECT(STATE_SUCCESS, aiot_dynreg_setopt(registration, AIOT_DYNREGOPT_PRODUCT_SECRET, argv[5]));
    EXPECT(STATE_SUCCESS, aiot_dynreg_setopt(registration, AIOT_DYNREGOPT_RECV_HANDLER, (void *)on_http));
    EXPECT(STATE_DYNREG_NEED_SEND_REQUEST, aiot_dynreg_recv(registration));
    EXPECT(STATE_SUCCESS, aiot_dynreg_send_request(registration));
    result = aiot_dynreg_recv(registration);
    EXPECT(STATE_SUCCESS, aiot_dynreg_deinit(&registration));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_dynreg_deinit(&registration));
    return result;
}

static int by_mqtt(char **argv, uint16_t port, uint8_t unlisted)
{
    void *registration = aiot_dynregmq_init();
    int32_t result;
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(registration, AIOT_DYNREGMQOPT_HOST, argv[1]));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(registration, AIOT_DYNREGMQOPT_PORT, &port));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(registration, AIOT_DYNREGMQOPT_PRODUCT_KEY, argv[3]));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(registration, AIOT_DYNREGMQOPT_PRODUCT_SECRET, argv[5]));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(registration, AIOT_DYNREGMQOPT_DEVICE_NAME, argv[4]));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(registration, AIOT_DYNREGMQOPT_RECV_HANDLER, (void *)on_mqtt));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(registration, AIOT_DYNREGMQOPT_NO_WHITELIST, &unlisted));
    EXPECT(STATE_DYNREGMQ_NEED_SEND_REQUEST, aiot_dynregmq_recv(registration));
    result = aiot_dynregmq_send_request(registration);
    if (result == STATE_SUCCESS) {
        result = aiot_dynregmq_recv(registration);
    }
    EXPECT(STATE_SUCCESS, aiot_dynregmq_deinit(&registration));
    return result;
}

int main(int argc, char **argv)
{
    uint16_t port;
    int32_t result;
    void *mqtt;
    if (argc < 8) {
        return 2;
    }
    port = (uint16_t)atoi(argv[7]);
    program_begin();
    result = strcmp(argv[6], "http") == 0 ? by_http(argv, port) : by_mqtt(argv, port, strcmp(argv[6], "unlisted") == 0);
    if (result != STATE_SUCCESS) {
        printf("refused -0x%04X\n", (unsigned)-result);
        return 0;
    }
    mqtt = program_session(argv);
    if (secret[0] != '\0') {
        EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_DEVICE_SECRET, secret));
    } else {
        EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_CLIENTID, client_id));
        EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_USERNAME, user_name));
        EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_PASSWORD, password));
    }
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    printf("logged in\n");
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
    return 0;
}
