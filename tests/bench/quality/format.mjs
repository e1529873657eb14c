/** Numbers as the table shows them. */

export const points = (value) => `${value.toFixed(2)} points`;
export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
export const decibel = (value) => `${value.toFixed(1)} dB`;
export const small = (value) => value.toPrecision(3);
export const interval = ({ same, n, share, low, high }) =>
  `${percent(share)} (${same} of ${n}; ${percent(low)} to ${percent(high)})`;

/** A row of the table; `met` null where nothing is bounded. */
export const row = (what, value, bound, met, peer = '') => ({ what, value, bound, met, peer });
