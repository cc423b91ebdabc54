/* Remote configuration, as the vendor's cota demo does it: asks by hand, fetches what it is told, prints it, and ends. */
#include "aiot_program.h"

static void *download;
static int finished;

static void on_chunk(void *handle, const aiot_download_recv_t *packet, void *userdata)
{
    (void)userdata;
    if (packet->data.percent < 0) {
        exit(1);
    }
    aiot_download_report_progress(handle, packet->data.percent);
    printf("config %.*s\n", (int)packet->data.len, (const char *)packet->data.buffer);
}

static void on_task(void *handle, const aiot_ota_recv_t *const msg, void *userdata)
{
    (void)handle;
    (void)userdata;
    if (msg->type != AIOT_OTARECV_COTA || download != NULL) {
        return;
    }
    printf("told %s of %u bytes\n", msg->task_desc->version, (unsigned)msg->task_desc->size_total);
    download = aiot_download_init();
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, msg->task_desc));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RECV_HANDLER, (void *)on_chunk));
    EXPECT(STATE_SUCCESS, aiot_download_send_request(download));
}

int main(int argc, char **argv)
{
    void *mqtt, *ota;
    uint32_t patience = 100;
    char topic[128];
    char ask[] = "{\"id\":\"123\",\"params\":{\"configScope\":\"product\",\"getType\":\"file\"}}";
    if (argc < 6) {
        return 2;
    }
    program_begin();
    mqtt = program_session(argv);
    ota = aiot_ota_init();
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECV_TIMEOUT_MS, &patience));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_MQTT_HANDLE, mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_RECV_HANDLER, (void *)on_task));
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    snprintf(topic, sizeof(topic), "/sys/%s/%s/thing/config/get", argv[3], argv[4]);
    EXPECT(STATE_SUCCESS, aiot_mqtt_pub(mqtt, topic, (uint8_t *)ask, (uint32_t)strlen(ask), 0));
    while (!finished) {
        aiot_mqtt_process(mqtt);
        aiot_mqtt_recv(mqtt);
        if (download != NULL && aiot_download_recv(download) == STATE_DOWNLOAD_FINISHED) {
            finished = 1;
        }
    }
    EXPECT(STATE_SUCCESS, aiot_download_deinit(&download));
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&ota));
    return 0;
}
