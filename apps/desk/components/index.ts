/** Vue components all desks share. */
export { bodyPartWord } from './bodyPart'
export { default as ConnectionBar } from './ConnectionBar.vue'
export { default as DeskFrame } from './DeskFrame.vue'
export { default as Empty } from './Empty.vue'
export { default as ProblemNotice } from './ProblemNotice.vue'
export { default as Skeleton } from './Skeleton.vue'
export { type Stage, STAGES, priorityWord, stageWord } from './stage'
export { default as StateTag } from './StateTag.vue'
