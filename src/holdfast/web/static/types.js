/** The shapes of what the API gives (docs/web.md), for whoever checks the page. Exact numbers are texts, times ISO 8601. */

/** @typedef {string | null} Text */

/**
 * @typedef {object} Strategy
 * @property {string} strategy
 * @property {string[]} symbols
 * @property {boolean} running
 * @property {boolean} stopped
 * @property {string} why
 */

/**
 * @typedef {object} Session
 * @property {string} phase
 * @property {string | null} [next_change]
 * @property {string | null} [next_phase]
 * @property {string | null} [zone]
 */

/**
 * @typedef {object} Account
 * @property {string} account
 * @property {boolean} running
 * @property {Strategy[]} strategies
 * @property {Text} state
 * @property {Text} broker
 * @property {Text} ended
 * @property {number | null} epoch
 * @property {number} open_orders
 * @property {Position[]} positions
 * @property {Text} feed
 * @property {Text} market_time
 * @property {string[]} stale
 * @property {Record<string, string>} missing
 * @property {{rule: string, count: number, strategy: string, symbol: string, figure: string, limit: string, text: string, time: string}[]} refusals
 * @property {{strategy: string, symbol: string, alarm: string}[]} protection
 * @property {Record<string, any> | null} supervisor
 * @property {number | null} last_record
 * @property {number | null} last_write_age_s
 * @property {Commits | null} [commits]
 * @property {Text} equity
 * @property {Text} cash
 * @property {Text} day_pnl
 * @property {Text} [day_pnl_pct]
 * @property {Text} valued
 * @property {Text} [realised]
 * @property {Text} [unrealised]
 * @property {Text} [fees]
 * @property {Text} [gross_exposure]
 * @property {Session | null} [session]
 * @property {string} [currency]
 */

/**
 * @typedef {object} Commits
 * @property {number} count
 * @property {number | null} p50_s
 * @property {number | null} p99_s
 * @property {number} records
 * @property {number} bytes
 * @property {number} slow
 * @property {string} slowest
 * @property {number} slowest_s
 * @property {number} waited
 * @property {number} lock_waits
 * @property {number} deadlocks
 */

/**
 * @typedef {object} Order
 * @property {string} account
 * @property {string} client_order_id
 * @property {string} strategy
 * @property {string} symbol
 * @property {string} side
 * @property {string} quantity
 * @property {string} filled_quantity
 * @property {string} state
 * @property {string} order_type
 * @property {string} time_in_force
 * @property {Text} limit_price
 * @property {Text} stop_price
 * @property {Text} trail_amount
 * @property {Text} trail_percent
 * @property {Text} average_fill_price
 * @property {string} fees
 * @property {string} role
 * @property {Text} parent
 * @property {Text} oco_group
 * @property {Text} stop_loss
 * @property {Text} take_profit
 * @property {string} broker_order_id
 * @property {string} created
 * @property {string} updated
 * @property {boolean} cancel_requested
 * @property {string} reason
 * @property {string} tag
 */

/**
 * @typedef {object} Fill
 * @property {string} account
 * @property {string} client_order_id
 * @property {string} execution_id
 * @property {string} strategy
 * @property {string} symbol
 * @property {string} side
 * @property {string} quantity
 * @property {string} price
 * @property {string} fees
 * @property {string} time
 */

/**
 * @typedef {object} Share
 * @property {string} strategy
 * @property {string} symbol
 * @property {string} quantity
 * @property {Text} average_price
 * @property {string} realised
 * @property {string} cost
 * @property {Text} [worth]
 */

/**
 * @typedef {object} Position
 * @property {string} account
 * @property {string} symbol
 * @property {string} [currency]
 * @property {string} quantity
 * @property {Text} average_price
 * @property {string} cost
 * @property {string} realised
 * @property {string} fees
 * @property {Share[]} strategies
 * @property {Text} [last_price]
 * @property {Text} [worth]
 * @property {Text} [unrealised]
 * @property {Text} [protected]
 * @property {Text} [unprotected_since]
 */

/**
 * @typedef {object} Record_
 * @property {string} account
 * @property {number} sequence
 * @property {string} time
 * @property {string} type
 * @property {string} text
 * @property {string} [id]
 * @property {Record<string, any>} [body]
 */

/**
 * @typedef {object} Outcome
 * @property {string} [account]
 * @property {string} command_id
 * @property {string} status
 * @property {string} text
 * @property {string[]} [client_order_ids]
 */

/**
 * @template T
 * @typedef {object} List
 * @property {T[]} items
 * @property {string | null} next
 * @property {Record<string, number>} [as_of]
 * @property {Record<string, number>} [age_s]
 */

export {};
