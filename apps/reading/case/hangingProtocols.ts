/** The reader's hanging protocols as ris keeps them, and all there are for a case. */
import type { Api } from '../../desk/shell'
import { BUILT_IN } from '../../viewer/hanging/builtin'
import { NO_PROTOCOLS, protocolOf, type OwnProtocols } from '../../viewer/hanging/own'
import type { Protocol } from '../../viewer/hanging/protocol'
import { ownDocument, type OwnDocument } from './ownDocument'

export type HangingProtocols = OwnDocument<OwnProtocols>

export const hangingProtocols = (api: Api): HangingProtocols => ownDocument<OwnProtocols, OwnProtocols>(api, 'hanging-protocols', { empty: NO_PROTOCOLS, open: (document) => document, wrap: (value) => value })

export const allProtocols = (own: OwnProtocols): Protocol[] => [...own.protocols.map(protocolOf), ...BUILT_IN]
