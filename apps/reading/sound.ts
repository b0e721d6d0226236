/** The short tone for a new STAT case. A browser allows it after the first key or click on the page; it can be turned off. */
let audio: AudioContext | null = null

export function allowSound(): void {
  const wake = (): void => {
    audio ??= typeof AudioContext === 'undefined' ? null : new AudioContext()
    void audio?.resume().catch(() => undefined)
  }
  addEventListener('pointerdown', wake, { once: true })
  addEventListener('keydown', wake, { once: true })
}

/** Two rising tones of a sixth of a second. */
export function statTone(): void {
  if (!audio || audio.state !== 'running') return
  const start = audio.currentTime
  for (const [after, pitch] of [[0, 740], [0.19, 988]] as const) {
    const tone = audio.createOscillator()
    const volume = audio.createGain()
    tone.frequency.value = pitch
    volume.gain.setValueAtTime(0.0001, start + after)
    volume.gain.exponentialRampToValueAtTime(0.12, start + after + 0.02)
    volume.gain.exponentialRampToValueAtTime(0.0001, start + after + 0.17)
    tone.connect(volume).connect(audio.destination)
    tone.start(start + after)
    tone.stop(start + after + 0.18)
  }
}
