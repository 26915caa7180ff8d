package dialect

import (
	"errors"
	"net/http"

	"github.com/refundry/refundry/refund"
)

// Exchange is one request and its answer.
type Exchange struct {
	W http.ResponseWriter
	R *http.Request
	// RequestID is what the answer calls the request.
	RequestID string
	// mayBeDone says that what the request asks for may have been done.
	mayBeDone bool
	// commits are what was committed for it.
	commits *refund.Commits
}

// Lost is the error of a fault of ours that left no answer to send, such as an
// object that can't be rendered: KindUnknownOutcome where the request may have
// been done, else KindInternal. The cause is for the log.
func (x *Exchange) Lost(cause error, doing string) *refund.Error {
	err := refund.Wrap(cause, doing)
	if x.mayBeDone {
		err.Kind = refund.KindUnknownOutcome
		err.Detail = "it is not known whether this was done; query it, or repeat the same request"
	}
	return err
}

// sure is the error that may be answered: one that says that nothing was
// accepted, because the database can't be used, is not true after a commit.
func (x *Exchange) sure(err error) error {
	if errors.Is(err, refund.ErrUnavailable) && x.commits.Any() {
		return x.Lost(err, "finish the request")
	}
	return err
}

// response notes that an answer is under way.
type response struct {
	http.ResponseWriter
	began bool
}

// WriteHeader notes the status; one below 200 is no answer yet.
func (r *response) WriteHeader(status int) {
	r.began = r.began || status >= http.StatusOK
	r.ResponseWriter.WriteHeader(status)
}

func (r *response) Write(p []byte) (int, error) {
	r.began = true
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }
