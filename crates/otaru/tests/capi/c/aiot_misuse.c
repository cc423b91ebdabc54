/*
 * What programs do wrong, and what the vendor's demos do on their way out: null, foreign and ended handles, handles of another
 * kind, and calls from within a callback, up to the end of the object that calls. It must be told so and survive.
 */
#include "aiot_program.h"
#include "aiot_dynreg_api.h"
#include "aiot_dynregmq_api.h"
#include "aiot_mqtt_download_api.h"

static void *mqtt, *ota, *download;
static int chunks, begun;

static void on_chunk(void *handle, const aiot_download_recv_t *packet, void *userdata)
{
    (void)userdata;
    (void)packet;
    chunks++;
    /* The handle is ended within its own callback, and used on. */
    EXPECT(STATE_SUCCESS, aiot_download_report_progress(handle, 1));
    EXPECT(STATE_USER_INPUT_OUT_RANGE, aiot_download_report_progress(handle, 1000000));
    EXPECT(STATE_SUCCESS, aiot_download_deinit(&download));
    EXPECT(STATE_DOWNLOAD_DEINIT_HANDLE_IS_NULL, aiot_download_deinit(&download));
    EXPECT(STATE_DOWNLOAD_RECV_HANDLE_IS_NULL, aiot_download_recv(handle));
    EXPECT(STATE_DOWNLOAD_REPORT_HANDLE_IS_NULL, aiot_download_report_progress(handle, 2));
}

static void on_task(void *handle, const aiot_ota_recv_t *const msg, void *userdata)
{
    void *own = handle;
    uint32_t patience = 10;
    char topic[] = "/ota/device/inform/x/y", version[] = "1.0.0", wrong[] = "a version with blanks";
    (void)userdata;
    /* A task may be told again, and this handler receives. */
    if (begun++ > 0) {
        return;
    }
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECV_TIMEOUT_MS, &patience));
    EXPECT(STATE_SUCCESS, aiot_mqtt_recv(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_process(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_sub(mqtt, topic, NULL, 1, NULL));
    EXPECT(STATE_SUCCESS, aiot_mqtt_unsub(mqtt, topic));
    EXPECT(STATE_SUCCESS, aiot_ota_report_version(handle, version));
    EXPECT(STATE_USER_INPUT_OUT_RANGE, aiot_ota_report_version(handle, wrong));
    download = aiot_download_init();
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, msg->task_desc));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, msg->task_desc));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RECV_HANDLER, (void *)on_chunk));
    EXPECT(STATE_SUCCESS, aiot_download_send_request(download));
    EXPECT(STATE_SUCCESS, aiot_download_send_request(download));
    while (chunks == 0) {
        aiot_download_recv(download);
    }
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&own));
    EXPECT(STATE_OTA_REPORT_HANDLE_IS_NULL, aiot_ota_report_version(handle, version));
    /* The session ends within its own call. */
    EXPECT(STATE_SUCCESS, aiot_mqtt_disconnect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
}

static void nulls_and_strangers(void)
{
    int stranger = 7;
    void *foreign = &stranger, *null = NULL, *mine = aiot_mqtt_init(), *other = aiot_ota_init();
    char text[] = "text";
    aiot_mqtt_topic_map_t map = {NULL, NULL, NULL};
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_setopt(NULL, AIOT_MQTTOPT_HOST, text));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_setopt(mine, AIOT_MQTTOPT_HOST, NULL));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_setopt(mine, AIOT_MQTTOPT_APPEND_TOPIC_MAP, &map));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_disconnect(NULL));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_heartbeat(NULL));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_process(NULL));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_recv(NULL));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_pub(mine, NULL, (uint8_t *)text, 4, 0));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_pub(mine, text, NULL, 4, 0));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_sub(mine, NULL, NULL, 0, NULL));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_unsub(mine, NULL));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_deinit(NULL));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_mqtt_deinit(&null));
    EXPECT(STATE_USER_INPUT_EXEC_DISABLED, aiot_mqtt_recv(foreign));
    EXPECT(STATE_USER_INPUT_EXEC_DISABLED, aiot_mqtt_recv(other));
    EXPECT(STATE_SYS_DEPEND_NWK_CLOSED, aiot_mqtt_heartbeat(mine));
    EXPECT(STATE_OTA_REPORT_HANDLE_IS_NULL, aiot_ota_report_version(mine, text));
    EXPECT(STATE_USER_INPUT_EXEC_DISABLED, aiot_ota_setopt(other, AIOT_OTAOPT_MQTT_HANDLE, foreign));
    EXPECT(STATE_OTA_DEINIT_HANDLE_IS_NULL, aiot_ota_deinit(NULL));
    EXPECT(STATE_DOWNLOAD_DEINIT_HANDLE_IS_NULL, aiot_download_deinit(NULL));
    EXPECT(STATE_DOWNLOAD_DEINIT_HANDLE_IS_NULL, aiot_mqtt_download_setopt(NULL, AIOT_MDOPT_USERDATA, text));
    EXPECT(STATE_DOWNLOAD_DEINIT_HANDLE_IS_NULL, aiot_mqtt_download_deinit(&null));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_dynreg_setopt(NULL, AIOT_DYNREGOPT_HOST, text));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_dynreg_recv(foreign));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_dynregmq_send_request(NULL));
    EXPECT(STATE_USER_INPUT_NULL_POINTER, aiot_dynregmq_deinit(&null));
    if (stranger != 7) {
        exit(1);
    }
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mine));
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&other));
}

int main(int argc, char **argv)
{
    char version[] = "1.0.0";
    void *session;
    if (argc < 6) {
        return 2;
    }
    program_begin();
    nulls_and_strangers();
    session = mqtt = program_session(argv);
    ota = aiot_ota_init();
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_MQTT_HANDLE, mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_RECV_HANDLER, (void *)on_task));
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_report_version(ota, version));
    while (aiot_mqtt_recv(session) != STATE_USER_INPUT_EXEC_DISABLED) {
        aiot_mqtt_process(session);
    }
    EXPECT(STATE_OTA_DEINIT_HANDLE_IS_NULL, aiot_ota_deinit(&ota));
    printf("survived\n");
    return chunks != 1;
}
