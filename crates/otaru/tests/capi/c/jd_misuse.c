/* What a program must not do with libotaru_jd, and does: every call is survived and says what was wrong.
 *
 * usage: jd_misuse HOST PORT PRODUCT IDENTIFIER CLIENT_ID USER_NAME PASSWORD */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iot_ota.h"

#define EXPECT(call, wanted) expect(__LINE__, #call, (long)(call), (long)(wanted))

static int wrong;
static iot_mqtt_param_t params;
static const char *product, *identifier;
static int answers;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void expect(int line, const char *call, long result, long wanted)
{
    if (result != wanted) {
        pthread_mutex_lock(&lock);
        printf("line %d: %s is %ld, not %ld\n", line, call, result, wanted);
        wrong = 1;
        pthread_mutex_unlock(&lock);
    }
}

static void quiet(void *context, void *client, iot_mqtt_event_msg_pt msg)
{
    (void)context, (void)client, (void)msg;
}

static void without_anything(void)
{
    iot_mqtt_param_t bare = params;
    char buf[16];
    otaru_jd_firmware_t firmware;
    EXPECT(iot_mqtt_construct(NULL) == NULL, 1);
    bare.host = NULL;
    EXPECT(iot_mqtt_construct(&bare) == NULL, 1);
    bare = params;
    bare.password = NULL;
    EXPECT(iot_mqtt_construct(&bare) == NULL, 1);
    bare.client_id = bare.username = NULL; /* and there are no hooks in this program */
    EXPECT(iot_mqtt_construct(&bare) == NULL, 1);
    bare = params;
    bare.password = "wrong";
    EXPECT(iot_mqtt_construct(&bare) == NULL, 1);
    bare = params;
    bare.pub_key = (char *)"no certificate";
    EXPECT(iot_mqtt_construct(&bare) == NULL, 1);
    EXPECT(iot_mqtt_destroy(NULL), -1);
    EXPECT(iot_mqtt_yield(NULL, 10), -1);
    EXPECT(iot_mqtt_check_state_normal(NULL), 0);
    EXPECT(iot_mqtt_subscribe_router(NULL, MQTT_SUB_TYPE_OTA_FIRMWARE_GET_INF_REPLY, product, identifier, quiet, NULL), -1);
    EXPECT(iot_mqtt_unsubscribe(NULL, "/a"), -1);
    EXPECT(iot_mqtt_generate_msgid() != iot_mqtt_generate_msgid(), 1);
    EXPECT(iot_ota_init(product, identifier, NULL) == NULL, 1);
    EXPECT(iot_ota_destroy(NULL), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_ota_report_progress(NULL, IOT_OTA_STATUS_DOWNLOADING, 1), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_ota_report_firmware_version(NULL, "1.0.0"), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_ota_is_fetching(NULL), 0);
    EXPECT(iot_ota_fetch_finish(NULL), 0);
    EXPECT(iot_ota_fetch_yield(NULL, buf, sizeof buf, 1), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_ota_get_firmware_info(NULL, product, identifier, "1.0.0"), -1);
    EXPECT(otaru_jd_firmware(NULL, &firmware), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(otaru_jd_trust(NULL, NULL), IOT_OTA_ERR_INVALID_PARAM);
}

static void wrong_arguments(void *client, void *ota)
{
    char buf[16];
    char longest[66];
    otaru_jd_firmware_t firmware;
    memset(longest, '1', sizeof longest);
    longest[65] = '\0';
    EXPECT(iot_ota_init(NULL, identifier, client) == NULL, 1);
    EXPECT(iot_ota_init(product, NULL, client) == NULL, 1);
    EXPECT(iot_ota_init("a/b", identifier, client) == NULL, 1);
    EXPECT(iot_ota_init(product, identifier, client) == NULL, 1); /* there is one */
    EXPECT(iot_ota_init(product, identifier, ota) == NULL, 1);
    EXPECT(iot_ota_report_progress(ota, (iot_ota_status_t)3, 1), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_ota_report_progress(ota, IOT_OTA_STATUS_DOWNLOADING, 101), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_ota_report_progress(ota, IOT_OTA_STATUS_BURN_FAILED, 0), 0);
    EXPECT(iot_ota_report_firmware_version(ota, NULL), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_ota_report_firmware_version(ota, ""), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_ota_report_firmware_version(ota, "1 0"), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_ota_report_firmware_version(ota, longest), IOT_OTA_ERR_STR_TOO_LONG);
    EXPECT(iot_ota_report_firmware_version(client, "1.0.0"), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_ota_fetch_yield(ota, NULL, 16, 1), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_ota_fetch_yield(ota, buf, 0, 1), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_ota_fetch_yield(ota, buf, sizeof buf, 1), IOT_OTA_ERR_INVALID_STATE);
    EXPECT(otaru_jd_firmware(ota, NULL), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(otaru_jd_firmware(ota, &firmware), IOT_OTA_ERR_INVALID_STATE);
    EXPECT(otaru_jd_trust(ota, "no certificate"), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(otaru_jd_trust(ota, NULL), 0);
    EXPECT(iot_mqtt_subscribe_router(client, MQTT_SUB_TYPE_SERVICE, product, identifier, quiet, NULL), -1);
    EXPECT(iot_mqtt_subscribe_router(client, MQTT_SUB_TYPE_OTA_FIRMWARE_GET_INF_REPLY, product, identifier, NULL, NULL), -1);
    EXPECT(iot_mqtt_subscribe_router(client, MQTT_SUB_TYPE_OTA_FIRMWARE_GET_INF_REPLY, NULL, identifier, quiet, NULL), -1);
    EXPECT(iot_mqtt_unsubscribe(client, NULL), -1);
    EXPECT(iot_mqtt_unsubscribe(client, "/nothing"), -1);
    EXPECT(iot_ota_get_firmware_info(ota, product, identifier, NULL), -1);
    EXPECT(iot_ota_get_firmware_info(ota, NULL, identifier, "1.0.0"), -1);
    EXPECT(iot_mqtt_yield(client, -5), 0);
}

/* Calls the library from within the library, and ends everything there. */
static void on_answer(void *context, void *client, iot_mqtt_event_msg_pt msg)
{
    const iot_mqtt_topic_info_t *info = msg->msg;
    EXPECT(msg->event_type, IOT_MQTT_EVENT_PUBLISH_RECEIVED);
    printf("answer on %.*s: %s\n", (int)info->topic_len, info->ptopic, info->payload);
    EXPECT(strlen(info->payload), info->payload_len);
    answers++;
    EXPECT(iot_ota_report_firmware_version(context, "1.0.0"), 0);
    EXPECT(iot_mqtt_yield(client, 1), 0);
    EXPECT(iot_mqtt_destroy(client), 0);
    EXPECT(iot_mqtt_destroy(client), -1);
    EXPECT(iot_mqtt_yield(client, 1), -1);
    EXPECT(iot_ota_report_firmware_version(context, "1.0.0"), IOT_OTA_ERR_OSC_FAILED);
}

static void within_callbacks(void)
{
    void *client = iot_mqtt_construct(&params);
    void *ota = iot_ota_init(product, identifier, client);
    EXPECT(ota != NULL, 1);
    wrong_arguments(client, ota);
    EXPECT(iot_mqtt_subscribe_router(client, MQTT_SUB_TYPE_OTA_FIRMWARE_GET_INF_REPLY, product, identifier, on_answer, ota), 0);
    EXPECT(iot_ota_get_firmware_info(ota, product, identifier, "9.9.9") >= 0, 1);
    while (iot_mqtt_yield(client, 100) == 0 && answers == 0) {
    }
    EXPECT(iot_mqtt_check_state_normal(client), 0);
    EXPECT(iot_ota_report_progress(ota, IOT_OTA_STATUS_DOWNLOADING, 1), IOT_OTA_ERR_OSC_FAILED);
    EXPECT(iot_ota_get_firmware_info(ota, product, identifier, "9.9.9"), -1);
    EXPECT(iot_ota_destroy(ota), 0);
    EXPECT(iot_ota_destroy(ota), IOT_OTA_ERR_INVALID_PARAM);
    EXPECT(iot_mqtt_destroy(&client), -1);
}

static void *yields(void *client)
{
    EXPECT(iot_mqtt_yield(client, 200), 0);
    return NULL;
}

static void *yields_to_the_end(void *client)
{
    while (iot_mqtt_yield(client, 60000) == 0) {
    }
    return NULL;
}

static void from_two_threads(void)
{
    pthread_t thread;
    void *client = iot_mqtt_construct(&params);
    void *ota = iot_ota_init(product, identifier, client);
    pthread_create(&thread, NULL, yields, client);
    for (int step = 0; step < 20; step++) {
        EXPECT(iot_ota_report_firmware_version(ota, "1.0.0"), 0);
    }
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, yields_to_the_end, client);
    EXPECT(iot_mqtt_destroy(&client), 0);
    EXPECT(client == NULL, 1);
    pthread_join(thread, NULL);
    EXPECT(iot_ota_destroy(ota), 0);
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        return 9;
    }
    params.host = argv[1];
    params.port = (uint16_t)atoi(argv[2]);
    product = argv[3];
    identifier = argv[4];
    params.client_id = argv[5];
    params.username = argv[6];
    params.password = argv[7];
    without_anything();
    within_callbacks();
    from_two_threads();
    EXPECT(answers, 1);
    return wrong;
}
