/* What a port of the vendor's SDK brings (aliyun-iotkit-v3, section 5). The library has all of these, weakly: a function of
 * the same name in the application takes its place, for the library's own calls too. Connections are the library's own: it
 * asks for no HAL_TCP_* and no HAL_SSL_*. */
#ifndef OTARU_IOTKIT_WRAPPERS_H
#define OTARU_IOTKIT_WRAPPERS_H

#include <stdarg.h>
#include <stdio.h>

#include "infra_defs.h"
#include "infra_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- memory: what the library gives the application to free ---- */
void *HAL_Malloc(uint32_t size);
void HAL_Free(void *ptr);

/* ---- time, in milliseconds ---- */
void HAL_SleepMs(uint32_t ms);
uint64_t HAL_UptimeMs(void);

/* ---- text; the library's log goes out by HAL_Printf, one line a call ---- */
void HAL_Printf(const char *fmt, ...);
int HAL_Snprintf(char *str, const int len, const char *fmt, ...);
int HAL_Vsnprintf(char *str, const int len, const char *fmt, va_list ap);

/* ---- threads ---- */
void *HAL_MutexCreate(void);
void HAL_MutexDestroy(void *mutex);
void HAL_MutexLock(void *mutex);
void HAL_MutexUnlock(void *mutex);

/* ---- chance: a number below region, 0 if region is 0 ---- */
void HAL_Srandom(uint32_t seed);
uint32_t HAL_Random(uint32_t region);

/* ---- the device ---- */
/* Writes the version that runs into a buffer of IOTX_FIRMWARE_VERSION_LEN + 1 bytes. Returns its length; 0 or less: nothing
 * is told. The library's own says app-1.0.0-20180101.1000, as the vendor's port for Linux does: a device brings its own. */
int HAL_GetFirmwareVersion(char *version);
/* Who the device is, by the names of releases before v3.1: each returns the text's length, or -1. The library asks the
 * Get functions when it connects; its own give what IOT_Ioctl or the Set functions were told. */
int HAL_SetProductKey(char *product_key);
int HAL_SetDeviceName(char *device_name);
int HAL_SetProductSecret(char *product_secret);
int HAL_SetDeviceSecret(char *device_secret);
int HAL_GetProductKey(char *product_key);
int HAL_GetDeviceName(char *device_name);
int HAL_GetProductSecret(char *product_secret);
int HAL_GetDeviceSecret(char *device_secret);

/* ---- the image that IOT_Linkkit_Query fetches: the library's own write otaru_fota.bin in $TMPDIR, or /tmp ---- */
void HAL_Firmware_Persistence_Start(void);
/* Returns 0; below 0 ends the download. */
int HAL_Firmware_Persistence_Write(char *buffer, uint32_t length);
/* Called exactly once after each Start, whatever became of it: look at what IOT_Linkkit_Query returns. */
int HAL_Firmware_Persistence_Stop(void);

/* ---- whom to trust: root certificates in PEM, or NULL (otaru's own, not in the vendor's headers) ---- */
/* IOT_Linkkit_* has no iotx_mqtt_param_t.pub_key: with certificates from here, its session goes over TLS. */
const char *HAL_GetRootCertificate(void);

#ifdef __cplusplus
}
#endif

#endif
