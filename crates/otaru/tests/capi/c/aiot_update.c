/*
 * An update as the vendor's demos with threads do it: one thread for the session's clock, one that receives, and one for each
 * file. Arguments after the session's: the version that runs, the number of tasks to do, and a module. Each file is written
 * to the working directory, and when all of a task are here and right its version is reported: this program "boots" at once.
 */
#include <pthread.h>

#include "aiot_program.h"



static void *ota;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int tasks_left, files_left, stopping;

/* Freed by the chunk handler at the end, as in the demos. */
typedef struct {
    FILE *file;
    int32_t last_percent;
    uint32_t file_id;
    char version[65];
} progress_t;

static void on_chunk(void *handle, const aiot_download_recv_t *packet, void *userdata)
{
    progress_t *progress = (progress_t *)userdata;
    int32_t percent = packet->data.percent;
    int done;
    if (percent < 0) {
        printf("file %u failed with %d\n", (unsigned)progress->file_id, (int)percent);
        fclose(progress->file);
        free(progress);
        return;
    }
    fwrite(packet->data.buffer, 1, packet->data.len, progress->file);
    if (percent - progress->last_percent >= 5 || percent == 100) {
        aiot_download_report_progress(handle, percent);
        progress->last_percent = percent;
    }
    if (percent == 100) {
        fclose(progress->file);
        printf("file %u is here\n", (unsigned)progress->file_id);
        pthread_mutex_lock(&lock);
        done = --files_left == 0;
        pthread_mutex_unlock(&lock);
        if (done) {
            EXPECT(STATE_SUCCESS, aiot_ota_report_version(ota, progress->version));
            printf("runs %s\n", progress->version);
            pthread_mutex_lock(&lock);
            tasks_left--;
            pthread_mutex_unlock(&lock);
        }
        free(progress);
    }
}

static void *download_thread(void *download)
{
    int32_t result;
    EXPECT(STATE_SUCCESS, aiot_download_send_request(download));
    do {
        result = aiot_download_recv(download);
        if (result == STATE_DOWNLOAD_RENEWAL_REQUEST_SENT) {
            printf("asks again\n");
        } else if (result <= 0 && result != STATE_DOWNLOAD_FINISHED) {
            printf("recv gave -0x%04X\n", (unsigned)-result);
        }
    } while (result != STATE_DOWNLOAD_FINISHED && result != STATE_DOWNLOAD_HTTPRSP_CODE_ERROR);
    EXPECT(STATE_SUCCESS, aiot_download_deinit(&download));
    return NULL;
}

static void on_task(void *handle, const aiot_ota_recv_t *const msg, void *userdata)
{
    const aiot_download_task_desc_t *task = msg->task_desc;
    aiot_sysdep_network_cred_t cred;
    uint16_t port = 443;
    uint32_t buffer = 8192;
    progress_t *progress;
    pthread_t thread;
    char name[64];
    void *download;
    (void)handle;
    (void)userdata;
    if (msg->type != AIOT_OTARECV_FOTA || task->protocol_type != AIOT_OTA_PROTOCOL_HTTPS) {
        return;
    }
    memset(&cred, 0, sizeof(cred));
    cred.option = AIOT_SYSDEP_NETWORK_CRED_SVRCERT_CA;
    cred.max_tls_fragment = 16384;
    cred.x509_server_cert = ali_ca_cert;
    cred.x509_server_cert_len = (uint32_t)strlen(ali_ca_cert);
    snprintf(name, sizeof(name), "got-%s-%u", task->version, (unsigned)task->file_id);
    progress = (progress_t *)calloc(1, sizeof(*progress));
    progress->file = fopen(name, "wb");
    progress->file_id = task->file_id;
    snprintf(progress->version, sizeof(progress->version), "%s", task->version);
    printf("takes %s, file %u of %u, %u bytes\n", task->version, (unsigned)task->file_id, (unsigned)task->file_num,
           (unsigned)task->size_total);
    pthread_mutex_lock(&lock);
    if (task->file_id == 0) {
        files_left = (int)task->file_num;
    }
    pthread_mutex_unlock(&lock);
    download = aiot_download_init();
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_NETWORK_CRED, &cred));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_NETWORK_PORT, &port));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_TASK_DESC, (void *)task));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_RECV_HANDLER, (void *)on_chunk));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_BODY_BUFFER_MAX_LEN, &buffer));
    EXPECT(STATE_SUCCESS, aiot_download_setopt(download, AIOT_DLOPT_USERDATA, progress));
    if (task->file_id == 0) {
        aiot_download_report_progress(download, 0);
    }
    pthread_create(&thread, NULL, download_thread, download);
    pthread_detach(thread);
}

static int stops(void)
{
    int stops;
    pthread_mutex_lock(&lock);
    stops = stopping;
    pthread_mutex_unlock(&lock);
    return stops;
}

static void *process_thread(void *mqtt)
{
    while (!stops() && aiot_mqtt_process(mqtt) != STATE_USER_INPUT_EXEC_DISABLED) {
        pause_ms(100);
    }
    return NULL;
}

static void *recv_thread(void *mqtt)
{
    while (!stops()) {
        int32_t result = aiot_mqtt_recv(mqtt);
        if (result == STATE_USER_INPUT_EXEC_DISABLED) {
            break;
        }
        if (result < 0) {
            pause_ms(100);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t process, receive;
    uint32_t patience = 200;
    void *mqtt;
    if (argc < 8) {
        return 2;
    }
    tasks_left = atoi(argv[7]);
    program_begin();
    mqtt = program_session(argv);
    ota = aiot_ota_init();
    EXPECT(STATE_SUCCESS, aiot_mqtt_setopt(mqtt, AIOT_MQTTOPT_RECV_TIMEOUT_MS, &patience));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_MQTT_HANDLE, mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_RECV_HANDLER, (void *)on_task));
    if (argc > 8) {
        EXPECT(STATE_SUCCESS, aiot_ota_setopt(ota, AIOT_OTAOPT_MODULE, argv[8]));
    }
    EXPECT(STATE_SUCCESS, aiot_mqtt_connect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_report_version(ota, argv[6]));
    pthread_create(&process, NULL, process_thread, mqtt);
    pthread_create(&receive, NULL, recv_thread, mqtt);
    for (;;) {
        int left;
        pthread_mutex_lock(&lock);
        left = tasks_left;
        pthread_mutex_unlock(&lock);
        if (left == 0) {
            break;
        }
        pause_ms(20);
    }
    /* Lets the last download thread end its handle. */
    pause_ms(300);
    pthread_mutex_lock(&lock);
    stopping = 1;
    pthread_mutex_unlock(&lock);
    pthread_join(process, NULL);
    pthread_join(receive, NULL);
    EXPECT(STATE_SUCCESS, aiot_mqtt_disconnect(mqtt));
    EXPECT(STATE_SUCCESS, aiot_mqtt_deinit(&mqtt));
    EXPECT(STATE_SUCCESS, aiot_ota_deinit(&ota));
    return 0;
}
