// The losses of the book per heatmap pixel, as in awing_lib/losses.py; tests hold the two together.
// y: target, p: prediction; every function returns [loss, slope with respect to the prediction].

export function adaptiveWing(y, p, { alpha = 2.1, omega = 14, epsilon = 1, theta = 0.5 } = {}) {
  return twoBranches(y, p, epsilon, { alpha, omega, epsilon, theta });
}

export function adaptiveWingConstants(y, { alpha = 2.1, omega = 14, epsilon = 1, theta = 0.5 } = {}) {
  const exponent = alpha - y, r = (theta / epsilon) ** exponent;
  const A = (omega * exponent * r) / ((1 + r) * theta);
  return { exponent, A, C: theta * A - omega * Math.log1p(r) };
}

// The error of published copies: omega where epsilon belongs, in the logarithm only (A and C stay right).
export function omegaForEpsilon(y, p, { alpha = 2.1, omega = 14, epsilon = 1, theta = 0.5 } = {}) {
  return twoBranches(y, p, omega, { alpha, omega, epsilon, theta });
}

// divisor: what the error is divided by in the logarithm; epsilon, if it is right.
function twoBranches(y, p, divisor, parameters) {
  const { omega, theta } = parameters, { exponent, A, C } = adaptiveWingConstants(y, parameters);
  const d = Math.abs(y - p), sign = Math.sign(p - y);
  if (d >= theta) return [A * d - C, sign * A];
  if (d === 0) return [0, 0];
  const u = (d / divisor) ** exponent;
  return [omega * Math.log1p(u), (sign * omega * exponent * u) / ((1 + u) * d)];
}

// The error at which the slope of Adaptive Wing is steepest: between 0 and theta the slope rises up to this error, from
// theta on it stays. 0 where the exponent is at most 1 and the slope is steepest just beside zero error.
export function steepestError(y, { alpha = 2.1, epsilon = 1, theta = 0.5 } = {}) {
  const exponent = alpha - y;
  return exponent <= 1 ? 0 : Math.min(epsilon * (exponent - 1) ** (1 / exponent), theta);
}

export function wing(y, p, { width = 10, curvature = 2 } = {}) {
  const d = Math.abs(y - p), sign = Math.sign(p - y);
  if (d < width) return [width * Math.log1p(d / curvature), (sign * width) / (curvature + d)];
  return [d - width + width * Math.log1p(width / curvature), sign];
}

export const mse = (y, p) => [(p - y) ** 2, 2 * (p - y)];
export const l1 = (y, p) => [Math.abs(p - y), Math.sign(p - y)];
export function smoothL1(y, p) {
  const d = Math.abs(p - y);
  return d < 1 ? [d * d / 2, p - y] : [d - 0.5, Math.sign(p - y)];
}
