package projection

import (
	"math"

	"serf/swim/serf/coord"
)

type (
	vector = [coord.Dimensions]float64
	matrix [coord.Dimensions]vector
)

// sweepsMax bounds the work of eigen. Matrices of this size are diagonal, to the last bit that
// counts, after five or six sweeps.
const sweepsMax = 16

// eigen returns the eigenvalues of a symmetric matrix, with a unit vector for each: the method of
// Jacobi, which turns the largest part of the matrix onto its diagonal, plane by plane.
func eigen(m matrix) (values vector, vectors [coord.Dimensions]vector) {
	for i := range vectors {
		vectors[i][i] = 1
	}
	for range sweepsMax {
		if negligible(&m) {
			break
		}
		for p := range m {
			for q := p + 1; q < len(m); q++ {
				m.turn(p, q, &vectors)
			}
		}
	}
	for i := range m {
		values[i] = max(m[i][i], 0) // a covariance has none below
	}
	return values, vectors
}

// negligible says whether what isn't on the diagonal is too small to matter.
func negligible(m *matrix) bool {
	on, off := 0.0, 0.0
	for i := range m {
		on += m[i][i] * m[i][i]
		for j := range i {
			off += m[i][j] * m[i][j]
		}
	}
	return off <= 1e-24*on
}

// turn rotates dimensions p and q so that m[p][q] becomes 0.
func (m *matrix) turn(p, q int, vectors *[coord.Dimensions]vector) {
	if m[p][q] == 0 {
		return
	}
	angle := math.Atan2(2*m[p][q], m[q][q]-m[p][p]) / 2
	sin, cos := math.Sincos(angle)
	for k := range m {
		m[k][p], m[k][q] = cos*m[k][p]-sin*m[k][q], sin*m[k][p]+cos*m[k][q]
	}
	for k := range m {
		m[p][k], m[q][k] = cos*m[p][k]-sin*m[q][k], sin*m[p][k]+cos*m[q][k]
		vectors[p][k], vectors[q][k] = cos*vectors[p][k]-sin*vectors[q][k],
			sin*vectors[p][k]+cos*vectors[q][k]
	}
}
