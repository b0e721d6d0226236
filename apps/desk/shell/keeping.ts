/**
 * Whether what is written in this browser is kept on this computer until a service has it. A locked-down profile has no storage:
 * then everything waits in the open page only, and no text may say that it is kept.
 */
import { ref } from 'vue'

export const keeping = ref(true)
