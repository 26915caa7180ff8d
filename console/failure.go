package console

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/refundry/refundry/refund"
)

// statuses are the statuses of the core's kinds; whatever is not in the table is
// a fault of ours.
var statuses = map[refund.Kind]int{
	refund.KindInvalid:          http.StatusUnprocessableEntity,
	refund.KindUnauthenticated:  http.StatusUnauthorized,
	refund.KindForbidden:        http.StatusForbidden,
	refund.KindNotFound:         http.StatusNotFound,
	refund.KindChargeNotFound:   http.StatusNotFound,
	refund.KindRefundNotFound:   http.StatusNotFound,
	refund.KindEventNotFound:    http.StatusNotFound,
	refund.KindNoAccount:        http.StatusConflict,
	refund.KindAmountExceeded:   http.StatusConflict,
	refund.KindFullyRefunded:    http.StatusConflict,
	refund.KindWindowOver:       http.StatusConflict,
	refund.KindTooManyRefunds:   http.StatusConflict,
	refund.KindTooSoon:          http.StatusConflict,
	refund.KindFullOnly:         http.StatusConflict,
	refund.KindLimitExceeded:    http.StatusConflict,
	refund.KindPolicyRefused:    http.StatusConflict,
	refund.KindNumberConflict:   http.StatusConflict,
	refund.KindKeyConflict:      http.StatusConflict,
	refund.KindChargeConflict:   http.StatusConflict,
	refund.KindStateConflict:    http.StatusConflict,
	refund.KindBusy:             http.StatusTooManyRequests,
	refund.KindUnavailable:      http.StatusServiceUnavailable,
	refund.KindUnknownOutcome:   http.StatusAccepted,
	refund.KindTooLarge:         http.StatusRequestEntityTooLarge,
	refund.KindMethodNotAllowed: http.StatusMethodNotAllowed,
	refund.KindCorrupt:          http.StatusInternalServerError,
	refund.KindInternal:         http.StatusInternalServerError,
}

// fault is an error as the console shows it, with its status. What is not the
// core's, and what is a fault of ours, goes to the log and is not shown.
func (p *page) fault(err error) (*refund.Error, int) {
	fault := refund.As(err)
	switch {
	case fault == nil && errors.Is(err, refund.ErrCommitUnknown):
		fault = refund.Errorf(refund.KindUnknownOutcome, "", "it is not known whether this was done; look before you try again")
	case fault == nil && errors.Is(err, refund.ErrLocked):
		fault = refund.Errorf(refund.KindBusy, "", "somebody else changes this at the moment; try again")
	case fault == nil:
		fault = refund.Wrap(err, "show page")
	}
	status, ok := statuses[fault.Kind]
	if !ok || status >= http.StatusInternalServerError {
		status = max(status, http.StatusInternalServerError)
		p.s.Log.ErrorContext(p.Context(), "a console page failed", "path", p.URL.Path, "request_id", p.requestID, "error", err)
	}
	return fault, status
}

// fail shows a page of its own for an error; write answers even where that fails.
func (p *page) fail(err error) {
	fault, status := p.fault(err)
	if p.Header.Get("HX-Request") != "" {
		p.problem = fault
		_ = p.write("failure", "problem", status, nil)
		return
	}
	p.problem = fault
	_ = p.write("failure", "layout", status, status)
}

// nowhere answers an address at which nothing is.
func (p *page) nowhere() error {
	return refund.Errorf(refund.KindNotFound, "", "there is nothing at this address")
}

// askToSignIn leads who is not signed in to the form, and back afterwards.
func (p *page) askToSignIn() {
	to := "/console/login"
	if p.Method == http.MethodGet && p.Header.Get("HX-Request") == "" && p.URL.Path != "/console/" {
		to += "?next=" + url.QueryEscape(p.URL.RequestURI())
	}
	_ = p.redirect(to)
}
