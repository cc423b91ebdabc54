/*
 * Provokes every state code of libotaru_aiot that can be and prints a table of them: code, name, what brought it.
 * Arguments after the session's: the port of a peer that refuses each login with the code in its user name, of one that
 * closes, of one that pushes what cannot be read, of one that answers each packet with a block that is none, the base
 * of a file server, and the ports of a registrar that refuses and of one that grants nothing of use.
 */
#include "aiot_table.h"
#include "aiot_codes_files.h"
#include "aiot_codes_port.h"
#include "aiot_dynreg_api.h"
#include "aiot_dynregmq_api.h"

static int in_handler;

static void on_packet(void *handle, const aiot_mqtt_recv_t *packet, void *userdata)
{
    (void)handle;
    (void)userdata;
    if (packet->type == AIOT_MQTTRECV_SUB_ACK) {
        see(packet->data.sub_ack.res);
    }
}

static void on_slow_packet(void *handle, const aiot_mqtt_recv_t *packet, void *userdata)
{
    (void)handle;
    (void)packet;
    (void)userdata;
    pthread_mutex_lock(&lock);
    in_handler = 1;
    pthread_mutex_unlock(&lock);
    pause_ms(1500);
}

static void *recv_thread(void *mqtt)
{
    aiot_mqtt_recv(mqtt);
    return NULL;
}

static void user_input(char **argv)
{
    void *mqtt = aiot_mqtt_init(), *ended, *ota = aiot_ota_init(), *registration = aiot_dynregmq_init();
    uint16_t port = 1;
    char text[] = "text";
    PROVOKE(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_connect(NULL));
    PROVOKE(STATE_USER_INPUT_OUT_RANGE, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_MAX, &port));
    PROVOKE(STATE_USER_INPUT_UNKNOWN_OPTION, aiot_ota_setopt(ota, AIOT_OTAOPT_MAX, text));
    PROVOKE(STATE_USER_INPUT_MISSING_PRODUCT_KEY, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_PRODUCT_KEY, argv[3]));
    PROVOKE(STATE_USER_INPUT_MISSING_DEVICE_NAME, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_DEVICE_NAME, argv[4]));
    PROVOKE(STATE_USER_INPUT_MISSING_DEVICE_SECRET, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_DEVICE_SECRET, argv[5]));
    PROVOKE(STATE_USER_INPUT_MISSING_HOST, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(registration, AIOT_DYNREGMQOPT_HOST, argv[1]));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(registration, AIOT_DYNREGMQOPT_PRODUCT_KEY, argv[3]));
    PROVOKE(STATE_USER_INPUT_MISSING_PRODUCT_SECRET, aiot_dynregmq_send_request(registration));
    PROVOKE(STATE_DYNREGMQ_NEED_SEND_REQUEST, aiot_dynregmq_recv(registration));
    PROVOKE(STATE_SYS_DEPEND_NWK_CLOSED, aiot_mqtt_recv(mqtt));
    PROVOKE(STATE_MQTT_TOPIC_INVALID, aiot_mqtt_pub(mqtt, text, (uint8_t *)text, 4, 0));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_HOST, argv[1]));
    ended = mqtt;
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
    PROVOKE(STATE_USER_INPUT_EXEC_DISABLED, aiot_mqtt_recv(ended));
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&ota));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_deinit(&registration));
}

static void logins(char **argv)
{
    void *mqtt = program_session(argv);
    uint16_t refusing = (uint16_t)atoi(argv[6]), closing = (uint16_t)atoi(argv[7]), nobody = 1;
    uint8_t off = 0;
    char id[] = "c", code[] = "code-1", no_name[] = "no..such..host";
    const char *pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    uint32_t patience = 300;
    uint16_t silent;
    int listening = listener(&silent);
    aiot_sysdep_network_cred_t cred;
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECONN_ENABLED, &off));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_CLIENTID, id));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_PASSWORD, id));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_USERNAME, code));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_PORT, &refusing));
    PROVOKE(STATE_MQTT_CONNACK_RCODE_UNACCEPTABLE_PROTOCOL_VERSION, aiot_mqtt_connect(mqtt));
    code[5] = '2';
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_USERNAME, code));
    PROVOKE(STATE_MQTT_CONNACK_RCODE_SERVER_UNAVAILABLE, aiot_mqtt_connect(mqtt));
    code[5] = '3';
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_USERNAME, code));
    PROVOKE(STATE_MQTT_CONNACK_RCODE_BAD_USERNAME_PASSWORD, aiot_mqtt_connect(mqtt));
    code[5] = '4';
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_USERNAME, code));
    PROVOKE(STATE_MQTT_CONNACK_RCODE_NOT_AUTHORIZED, aiot_mqtt_connect(mqtt));
    code[5] = '5';
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_USERNAME, code));
    PROVOKE(STATE_MQTT_CONNACK_RCODE_UNKNOWN, aiot_mqtt_connect(mqtt));
    code[5] = '!';
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_USERNAME, code));
    PROVOKE(STATE_MQTT_CONNACK_FMT_ERROR, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_PORT, &closing));
    PROVOKE(STATE_PORT_NETWORK_RECV_CONNECTION_CLOSED, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_PORT, &silent));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_CONNECT_TIMEOUT_MS, &patience));
    PROVOKE(STATE_SYS_DEPEND_NWK_READ_OVERTIME, aiot_mqtt_connect(mqtt));
    close(listening);
    patience = 10000;
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_CONNECT_TIMEOUT_MS, &patience));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_PORT, &closing));
    memset(&cred, 0, sizeof(cred));
    cred.option = AIOT_SYSDEP_NETWORK_CRED_SVRCERT_CA;
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_NETWORK_CRED, &cred));
    PROVOKE(STATE_PORT_TLS_INVALID_MAX_FRAGMENT, aiot_mqtt_connect(mqtt));
    cred.max_tls_fragment = 16384;
    cred.x509_server_cert = "no certificate";
    cred.x509_server_cert_len = 14;
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_NETWORK_CRED, &cred));
    PROVOKE(STATE_PORT_TLS_INVALID_SERVER_CERT, aiot_mqtt_connect(mqtt));
    cred.x509_server_cert = ali_ca_cert;
    cred.x509_server_cert_len = (uint32_t)strlen(ali_ca_cert);
    cred.x509_client_cert = cred.x509_client_privkey = "neither";
    cred.x509_client_cert_len = cred.x509_client_privkey_len = 7;
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_NETWORK_CRED, &cred));
    PROVOKE(STATE_PORT_TLS_INVALID_CLIENT_CERT, aiot_mqtt_connect(mqtt));
    cred.x509_client_cert = pem;
    cred.x509_client_cert_len = (uint32_t)strlen(pem);
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_NETWORK_CRED, &cred));
    PROVOKE(STATE_PORT_TLS_INVALID_CLIENT_KEY, aiot_mqtt_connect(mqtt));
    cred.x509_client_cert = cred.x509_client_privkey = NULL;
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_NETWORK_CRED, &cred));
    PROVOKE(STATE_PORT_TLS_INVALID_HANDSHAKE, aiot_mqtt_connect(mqtt));
    cred.option = AIOT_SYSDEP_NETWORK_CRED_SVRCERT_PSK;
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_NETWORK_CRED, &cred));
    PROVOKE(STATE_PORT_TLS_CONFIG_PSK_FAILED, aiot_mqtt_connect(mqtt));
    cred.option = AIOT_SYSDEP_NETWORK_CRED_NONE;
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_NETWORK_CRED, &cred));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_PORT, &nobody));
    PROVOKE(STATE_PORT_NETWORK_CONNECT_FAILED, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_HOST, no_name));
    PROVOKE(STATE_PORT_NETWORK_DNS_FAILED, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
}

static void session(char **argv)
{
    void *mqtt = program_session(argv), *ota = aiot_ota_init();
    uint32_t patience = 300;
    uint16_t none = 0;
    char longest[200], allowed[128], foreign[] = "/sys/other/device/thing/config/push", version[] = "1";
    static uint8_t payload[1024 * 1024 + 1];
    pthread_t thread;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    snprintf(allowed, sizeof(allowed), "/ota/device/inform/%s/%s", argv[3], argv[4]);
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECV_HANDLER, (void *)on_packet));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECV_TIMEOUT_MS, &patience));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_DEINIT_TIMEOUT_MS, &patience));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_MAX_REPUB_NUM, &none));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_MQTT_HANDLE, mqtt));
    EXPECT(STATE_SYS_DEPEND_NWK_CLOSED, aiot_ota_report_version(ota, version));
    SEEN(STATE_OTA_REPORT_FAILED, "a report without a session, in the log");
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    SEEN(STATE_MQTT_LOG_CONNECT, "in the log");
    PROVOKE(STATE_MQTT_TOPIC_TOO_LONG, aiot_mqtt_pub(mqtt, longest, payload, 1, 0));
    PROVOKE(STATE_MQTT_PUB_PAYLOAD_TOO_LONG, aiot_mqtt_pub(mqtt, allowed, payload, sizeof(payload), 0));
    PROVOKE(STATE_QOS_CACHE_EXCEEDS_LIMIT, aiot_mqtt_pub(mqtt, allowed, payload, 1, 1));
    EXPECT(STATE_SUCCESS, aiot_mqtt_sub(mqtt, foreign, NULL, 0, NULL));
    while (!was_seen(STATE_MQTT_SUBACK_RCODE_FAILURE)) {
        aiot_mqtt_recv(mqtt);
    }
    SEEN(STATE_MQTT_SUBACK_RCODE_FAILURE, "a subscription to what is another device's");
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECV_HANDLER, (void *)on_slow_packet));
    EXPECT(STATE_SUCCESS, aiot_mqtt_heartbeat(mqtt));
    pthread_create(&thread, NULL, recv_thread, mqtt);
    for (;;) {
        int waits;
        pthread_mutex_lock(&lock);
        waits = !in_handler;
        pthread_mutex_unlock(&lock);
        if (!waits) {
            break;
        }
        pause_ms(5);
    }
    PROVOKE(STATE_MQTT_DEINIT_TIMEOUT, aiot_mqtt_deinit(&mqtt));
    pthread_join(thread, NULL);
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&ota));
}

static void ota_and_downloads(void)
{
    void *ota = aiot_ota_init(), *download = aiot_download_init(), *blocks = aiot_mqtt_download_init();
    void *mqtt = aiot_mqtt_init(), *null = NULL;
    char text[] = "1.0.0", link[] = "http://127.0.0.1:1/a", no_host[] = "a", no_path[] = "http://h";
    char digest[] = "25f9e794323b453885f5181f1b624d0b", sub[] = "sub";
    aiot_download_task_desc_t task;
    uint32_t start = 9;
    int32_t result;
    PROVOKE(STATE_OTA_DEINIT_HANDLE_IS_NULL, aiot_ota_deinit(&null));
    PROVOKE(STATE_OTA_SETOPT_HANDLE_IS_NULL, aiot_ota_setopt(NULL, AIOT_OTAOPT_USERDATA, text));
    PROVOKE(STATE_OTA_SETOPT_DATA_IS_NULL, aiot_ota_setopt(ota, AIOT_OTAOPT_USERDATA, NULL));
    PROVOKE(STATE_OTA_REPORT_HANDLE_IS_NULL, aiot_ota_report_version(NULL, text));
    PROVOKE(STATE_OTA_REPORT_VERSION_IS_NULL, aiot_ota_report_version(ota, NULL));
    PROVOKE(STATE_OTA_REPORT_MQTT_HANDLE_IS_NULL, aiot_ota_report_version(ota, text));
    PROVOKE(STATE_OTA_REPORT_EXT_HANELD_IS_NULL, aiot_ota_report_version_ext(NULL, sub, sub, text));
    PROVOKE(STATE_OTA_REPORT_EXT_VERSION_NULL, aiot_ota_report_version_ext(ota, NULL, NULL, NULL));
    PROVOKE(STATE_OTA_REPORT_EXT_PRODUCT_KEY_IS_NULL, aiot_ota_report_version_ext(ota, NULL, NULL, text));
    PROVOKE(STATE_OTA_REPORT_EXT_DEVICE_NAME_IS_NULL, aiot_ota_report_version_ext(ota, sub, NULL, text));
    PROVOKE(STATE_OTA_REPORT_EXT_MQTT_HANDLE_IS_NULL, aiot_ota_report_version_ext(ota, sub, sub, text));
    PROVOKE(STATE_OTA_QUERY_FIRMWARE_HANDLE_IS_NULL, aiot_ota_query_firmware(NULL));
    PROVOKE(STATE_DOWNLOAD_DEINIT_HANDLE_IS_NULL, aiot_download_deinit(&null));
    PROVOKE(STATE_DOWNLOAD_SETOPT_HANDLE_IS_NULL, aiot_download_setopt(NULL, AIOT_DLOPT_USERDATA, text));
    PROVOKE(STATE_DOWNLOAD_SETOPT_DATA_IS_NULL, aiot_download_setopt(download, AIOT_DLOPT_USERDATA, NULL));
    PROVOKE(STATE_DOWNLOAD_REPORT_HANDLE_IS_NULL, aiot_download_report_progress(NULL, 1));
    PROVOKE(STATE_DOWNLOAD_REPORT_TASK_DESC_IS_NULL, aiot_download_report_progress(download, 1));
    PROVOKE(STATE_DOWNLOAD_RECV_HANDLE_IS_NULL, aiot_download_recv(NULL));
    PROVOKE(STATE_DOWNLOAD_REQUEST_HANDLE_IS_NULL, aiot_download_send_request(NULL));
    PROVOKE(STATE_DOWNLOAD_REQUEST_TASK_DESC_IS_NULL, aiot_download_send_request(download));
    memset(&task, 0, sizeof(task));
    PROVOKE(STATE_DOWNLOAD_SETOPT_COPIED_DATA_IS_NULL, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, &task));
    task.product_key = task.device_name = sub;
    task.size_total = 9;
    task.expect_digest = digest;
    task.version = text;
    task.mqtt_handle = mqtt;
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, &task));
    PROVOKE(STATE_DOWNLOAD_REQUEST_URL_IS_NULL, aiot_download_send_request(download));
    task.url = no_host;
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, &task));
    PROVOKE(STATE_OTA_PARSE_URL_HOST_IS_NULL, aiot_download_send_request(download));
    task.url = no_path;
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, &task));
    PROVOKE(STATE_OTA_PARSE_URL_PATH_IS_NULL, aiot_download_send_request(download));
    task.url = link;
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, &task));
    EXPECT(STATE_SUCCESS, aiot_download_send_request(download));
    PROVOKE(STATE_DOWNLOAD_SEND_REQUEST_FAILED, aiot_download_recv(download));
    SEEN(STATE_DOWNLOAD_RECV_ERROR, "the same, in the log");
    do {
        result = aiot_download_recv(download);
    } while (result == 0);
    printf("-0x%04X  STATE_DOWNLOAD_RENEWAL_REQUEST_SENT  the next call\n", (unsigned)-result);
    EXPECT(STATE_DOWNLOAD_RENEWAL_REQUEST_SENT, result);
    PROVOKE(STATE_MQTT_DOWNLOAD_MQTT_HANDLE_NULL, aiot_mqtt_download_process(NULL));
    PROVOKE(STATE_MQTT_DOWNLOAD_TASK_DEINIT, aiot_mqtt_download_process(blocks));
    task.url = NULL;
    task.stream_id = task.stream_file_id = 1;
    task.protocol_type = AIOT_OTA_PROTOCOL_MQTT;
    EXPECT(STATE_SUCCESS, aiot_mqtt_download_setopt(blocks, AIOT_MDOPT_TASK_DESC, &task));
    EXPECT(STATE_SUCCESS, aiot_mqtt_download_setopt(blocks, AIOT_MDOPT_RANGE_START, &start));
    PROVOKE(STATE_MQTT_DOWNLOAD_FILESIZE_ERROR, aiot_mqtt_download_process(blocks));
    EXPECT(STATE_SUCCESS, aiot_mqtt_download_deinit(&blocks));
    EXPECT(STATE_SUCCESS, aiot_download_deinit(&download));
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&ota));
}

static void pushes(char **argv)
{
    void *mqtt = program_session(argv), *ota = aiot_ota_init();
    uint16_t pushing = (uint16_t)atoi(argv[8]);
    uint32_t at_once = 1;
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_PORT, &pushing));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECONN_INTERVAL_MS, &at_once));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_MQTT_HANDLE, mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SYS_DEPEND_NWK_CLOSED, aiot_mqtt_recv(mqtt));
    SEEN(STATE_OTA_PARSE_JSON_ERROR, "a push that is no JSON, in the log");
    SEEN(STATE_OTA_UNKNOWN_DIGEST_METHOD, "a push with an unknown signMethod, in the log");
    SEEN(STATE_OTA_PATH_STRING_OVERFLOW, "a push with a link over 8 KiB, in the log");
    SEEN(STATE_MQTT_LOG_DISCONNECT, "the peer closed, in the log");
    while (!was_seen(STATE_MQTT_LOG_RECONNECTING)) {
        aiot_mqtt_recv(mqtt);
    }
    SEEN(STATE_MQTT_LOG_RECONNECTING, "the calls after that, in the log");
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&ota));
}

static void registrations(char **argv)
{
    void *over_http = aiot_dynreg_init(), *over_mqtt = aiot_dynregmq_init();
    uint16_t answering = (uint16_t)atoi(argv[9]), refusing = (uint16_t)atoi(argv[11]), odd = (uint16_t)atoi(argv[12]);
    uint32_t patience = 1000;
    char secret[] = "secret";
    EXPECT(STATE_SUCCESS, aiot_dynreg_setopt(over_http, AIOT_DYNREGOPT_HOST, argv[1]));
    EXPECT(STATE_SUCCESS, aiot_dynreg_setopt(over_http, AIOT_DYNREGOPT_PORT, &refusing));
    EXPECT(STATE_SUCCESS, aiot_dynreg_setopt(over_http, AIOT_DYNREGOPT_PRODUCT_KEY, argv[3]));
    EXPECT(STATE_SUCCESS, aiot_dynreg_setopt(over_http, AIOT_DYNREGOPT_PRODUCT_SECRET, secret));
    EXPECT(STATE_SUCCESS, aiot_dynreg_setopt(over_http, AIOT_DYNREGOPT_DEVICE_NAME, argv[4]));
    PROVOKE(STATE_DYNREG_NEED_SEND_REQUEST, aiot_dynreg_recv(over_http));
    EXPECT(STATE_SUCCESS, aiot_dynreg_send_request(over_http));
    PROVOKE(STATE_DYNREG_INVALID_STATUS_CODE, aiot_dynreg_recv(over_http));
    EXPECT(STATE_SUCCESS, aiot_dynreg_setopt(over_http, AIOT_DYNREGOPT_PORT, &odd));
    EXPECT(STATE_SUCCESS, aiot_dynreg_send_request(over_http));
    PROVOKE(STATE_DYNREG_INVALID_DEVICE_SECRET, aiot_dynreg_recv(over_http));
    EXPECT(STATE_SUCCESS, aiot_dynreg_deinit(&over_http));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(over_mqtt, AIOT_DYNREGMQOPT_HOST, argv[1]));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(over_mqtt, AIOT_DYNREGMQOPT_PORT, &answering));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(over_mqtt, AIOT_DYNREGMQOPT_PRODUCT_KEY, argv[3]));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(over_mqtt, AIOT_DYNREGMQOPT_PRODUCT_SECRET, secret));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(over_mqtt, AIOT_DYNREGMQOPT_DEVICE_NAME, argv[4]));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_setopt(over_mqtt, AIOT_DYNREGMQOPT_TIMEOUT_MS, &patience));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_send_request(over_mqtt));
    PROVOKE(STATE_DYNREGMQ_AUTH_TIMEOUT, aiot_dynregmq_recv(over_mqtt));
    EXPECT(STATE_SUCCESS, aiot_dynregmq_deinit(&over_mqtt));
}

int main(int argc, char **argv)
{
    if (argc < 13) {
        return 2;
    }
    if (aiot_mqtt_init() != NULL || aiot_sysdep_get_portfile() != NULL) {
        return 1;
    }
    program_begin();
    aiot_state_set_logcb(on_log);
    user_input(argv);
    logins(argv);
    session(argv);
    ota_and_downloads();
    pushes(argv);
    registrations(argv);
    links(argv[10]);
    blocks(argv);
    blocks_that_never_come(argv);
    port_file();
    return 0;
}
