/* Reports a version (of a module, if one is named) and prints every task it is told, until there were as many as asked for. */
#include "aiot_program.h"

static int awaited;

static const char *or_none(const char *text)
{
    return text == NULL ? "-" : text;
}

static void on_task(void *handle, const aiot_ota_recv_t *const msg, void *userdata)
{
    const aiot_download_task_desc_t *task = msg->task_desc;
    (void)handle;
    printf("%s %s/%s version=%s module=%s size=%u method=%d digest=%s name=%s file=%u/%u protocol=%d extra=%s\n",
           msg->type == AIOT_OTARECV_FOTA ? "fota" : "cota", task->product_key, task->device_name, task->version,
           or_none(task->module), (unsigned)task->size_total, task->digest_method, task->expect_digest,
           or_none(task->file_name), (unsigned)task->file_id, (unsigned)task->file_num, (int)task->protocol_type,
           or_none(task->extra_data));
    if (strcmp((const char *)userdata, "mine") != 0 || (task->url == NULL) != (task->protocol_type == AIOT_OTA_PROTOCOL_MQTT)) {
        exit(1);
    }
    awaited--;
}

static void on_event(void *handle, const aiot_mqtt_event_t *event, void *userdata)
{
    (void)handle;
    (void)userdata;
    printf("event %d\n", (int)event->type);
}

static void on_packet(void *handle, const aiot_mqtt_recv_t *packet, void *userdata)
{
    (void)handle;
    (void)userdata;
    printf("packet %d\n", (int)packet->type);
}

int main(int argc, char **argv)
{
    void *mqtt, *ota;
    char mine[] = "mine";
    if (argc < 8) {
        return 2;
    }
    awaited = atoi(argv[6]);
    program_begin();
    mqtt = program_session(argv);
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_EVENT_HANDLER, (void *)on_event));
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECV_HANDLER, (void *)on_packet));
    ota = aiot_ota_init();
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_MQTT_HANDLE, mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_RECV_HANDLER, (void *)on_task));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_USERDATA, mine));
    if (argc > 8) {
        EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_MODULE, argv[8]));
    }
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_report_version(ota, argv[7]));
    while (awaited > 0) {
        aiot_mqtt_process(mqtt);
        aiot_mqtt_recv(mqtt);
    }
    EXPECT(STATE_SUCCESS, aiot_mqtt_disconnect(mqtt));
    /* In this order, as the vendor's demos do on their way out, and once more. */
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&ota));
    EXPECT(STATE_OTA_DEINIT_HANDLE_IS_NULL, aiot_ota_deinit(&ota));
    return 0;
}
