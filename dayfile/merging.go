package dayfile

import (
	"container/heap"
	"errors"
	"fmt"
	"io"
)

// merging are the parts that have a row left, the first row's at the top. It is a
// container/heap.
type merging[R any] []*reader[R]

func (m merging[R]) Len() int { return len(m) }

// Less has rows with the same place in the order of their parts.
func (m merging[R]) Less(a, b int) bool {
	order := m[a].row.compare(m[b].row)
	return order < 0 || order == 0 && m[a].part < m[b].part
}

func (m merging[R]) Swap(a, b int) { m[a], m[b] = m[b], m[a] }

// Push implements heap.Interface.
func (m *merging[R]) Push(r any) { *m = append(*m, r.(*reader[R])) }

// Pop implements heap.Interface.
func (m *merging[R]) Pop() any {
	last := len(*m) - 1
	r := (*m)[last]
	*m = (*m)[:last]
	return r
}

// next reads a part's next row and puts the part where it belongs; one without has
// ended.
func (m *merging[R]) next(r *reader[R]) error {
	switch err := r.read(); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return fmt.Errorf("read temporary file: %w", err)
	default:
		heap.Push(m, r)
	}
	return nil
}

// pop takes the part with the first row.
func (m *merging[R]) pop() *reader[R] { return heap.Pop(m).(*reader[R]) }
