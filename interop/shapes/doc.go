// Package shapes has tests of packages of serf/compat beside those whose API they have.
package shapes
