/* Types that every header uses. */
#ifndef OTARU_IOTKIT_INFRA_TYPES_H
#define OTARU_IOTKIT_INFRA_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "infra_config.h"

#ifndef SUCCESS_RETURN
#define SUCCESS_RETURN (0)
#endif
#ifndef FAIL_RETURN
#define FAIL_RETURN (-1)
#endif
/* One argument or more was NULL, or too long. */
#ifndef NULL_VALUE_ERROR
#define NULL_VALUE_ERROR (-2)
#endif

#endif
