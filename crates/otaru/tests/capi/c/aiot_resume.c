/*
 * A device whose power may go at any byte: what is in the file is not fetched again. Arguments after the session's: the version
 * that runs. The file "image" is only appended to; a new start goes on at its length. Each piece waits for a byte on standard
 * input, or for its end: so the test knows that a file is under way when it takes the power.
 */
#include "aiot_program.h"

static void *download;
static FILE *image;
static uint32_t size;
static char version[65];

static void on_chunk(void *handle, const aiot_download_recv_t *packet, void *userdata)
{
    (void)handle;
    (void)userdata;
    getchar();
    fwrite(packet->data.buffer, 1, packet->data.len, image);
    fflush(image);
    printf("has %ld\n", ftell(image));
}

static void on_task(void *handle, const aiot_ota_recv_t *const msg, void *userdata)
{
    uint32_t buffer = 1024, start;
    (void)handle;
    (void)userdata;
    if (download != NULL) {
        return;
    }
    size = msg->task_desc->size_total;
    snprintf(version, sizeof(version), "%s", msg->task_desc->version);
    start = (uint32_t)ftell(image);
    download = aiot_download_init();
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, msg->task_desc));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RECV_HANDLER, (void *)on_chunk));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_BODY_BUFFER_MAX_LEN, &buffer));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RANGE_START, &start));
    if (start < size) {
        EXPECT(STATE_SUCCESS, aiot_download_send_request(download));
    }
}

int main(int argc, char **argv)
{
    void *mqtt, *ota;
    uint32_t patience = 50;
    if (argc < 7) {
        return 2;
    }
    image = fopen("image", "ab");
    fseek(image, 0, SEEK_END);
    program_begin();
    mqtt = program_session(argv);
    ota = aiot_ota_init();
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECV_TIMEOUT_MS, &patience));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_MQTT_HANDLE, mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_RECV_HANDLER, (void *)on_task));
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_report_version(ota, argv[6]));
    while (size == 0 || (uint32_t)ftell(image) < size) {
        aiot_mqtt_process(mqtt);
        if (download == NULL) {
            aiot_mqtt_recv(mqtt);
        } else {
            aiot_download_recv(download);
        }
    }
    fclose(image);
    EXPECT(STATE_SUCCESS, aiot_ota_report_version(ota, version));
    printf("whole\n");
    EXPECT(STATE_SUCCESS, aiot_download_deinit(&download));
    EXPECT(STATE_SUCCESS, aiot_mqtt_disconnect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&ota));
    return 0;
}
