package refund

import (
	"context"
	"errors"
	"sync/atomic"
)

// ErrUnavailable says that the database could not be used: it does not answer,
// has no room, or is read-only just now. What was asked of it did certainly not
// happen. The store reports the outage once for all who meet it.
var ErrUnavailable = errors.New("the database can't be used now")

// Unavailable is the error of a request that met such an outage.
func Unavailable(cause error) *Error {
	e := Errorf(KindUnavailable, "", "the database can't be used now; nothing was accepted, try again")
	e.Cause = cause
	return e
}

// Commits counts what was committed for one request, so that a failure after a
// commit is never answered with "nothing was accepted".
type Commits struct{ count atomic.Int64 }

// Any reports whether anything was.
func (c *Commits) Any() bool { return c.count.Load() > 0 }

type commitsKey struct{}

// CountCommits returns a context in which the commits of one request are
// counted.
func CountCommits(ctx context.Context) (context.Context, *Commits) {
	c := new(Commits)
	return context.WithValue(ctx, commitsKey{}, c), c
}

// Committed counts a commit for the request that ctx belongs to, if it does.
func Committed(ctx context.Context) {
	if c, ok := ctx.Value(commitsKey{}).(*Commits); ok {
		c.count.Add(1)
	}
}
