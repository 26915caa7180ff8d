package payin

import (
	"net/http"
	"strconv"
)

// Code is an error's code. The documents have notAllowed only; the others are
// ours (Y7.4-1).
type Code string

// The codes.
const (
	CodeBadRequest         Code = "badRequest"
	CodeNotAllowed         Code = "notAllowed"
	CodeForbidden          Code = "forbidden"
	CodeNotFound           Code = "notFound"
	CodeDuplicateNumber    Code = "duplicateMerchantRefundId"
	CodeOrderNotPaid       Code = "orderNotPaid"
	CodeAmountExceeded     Code = "refundAmountExceeded"
	CodeRefundNotSupported Code = "refundNotSupported"
	CodeTooManyRequests    Code = "tooManyRequests"
	CodeInternalError      Code = "internalError"
	CodeChannelUnavailable Code = "channelUnavailable"
	messageNotAllowed           = "No access"
	messageSignatureError       = "signature error"
	statusUnknownCode           = http.StatusInternalServerError
)

var statuses = map[Code]int{
	CodeBadRequest:         http.StatusBadRequest,
	CodeNotAllowed:         http.StatusUnauthorized,
	CodeForbidden:          http.StatusForbidden,
	CodeNotFound:           http.StatusNotFound,
	CodeDuplicateNumber:    http.StatusConflict,
	CodeOrderNotPaid:       http.StatusUnprocessableEntity,
	CodeAmountExceeded:     http.StatusUnprocessableEntity,
	CodeRefundNotSupported: http.StatusUnprocessableEntity,
	CodeTooManyRequests:    http.StatusTooManyRequests,
	CodeInternalError:      http.StatusInternalServerError,
	CodeChannelUnavailable: http.StatusServiceUnavailable,
}

// Status is the HTTP status of a code, 500 for one that is not known.
func (c Code) Status() int {
	if status, ok := statuses[c]; ok {
		return status
	}
	return statusUnknownCode
}

// Error is the body of every answer outside 2xx (Y4-2).
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Data    []any  `json:"data"`
}

// MarshalJSON writes data as [] when there is none.
func (e Error) MarshalJSON() ([]byte, error) {
	if e.Data == nil {
		e.Data = []any{}
	}
	type plain Error // drops this method, which would call itself
	return Marshal(plain(e))
}

// seen is what NotAllowed shows, in the order of the page's sample.
type seen struct {
	URI         string    `json:"uri"`
	Key         string    `json:"key"`
	Timestamp   any       `json:"timestamp"`
	SignMethod  string    `json:"signMethod"`
	SignVersion string    `json:"signVersion"`
	Method      Operation `json:"method"`
}

// NotAllowed is the answer to a request whose headers, time, key or signature
// are wrong, with the six values as the server saw them, and never with the
// signature that it expected (Y4-3 to Y4-6). The timestamp is a number, as in
// the page's sample, where it is one.
func NotAllowed(s Signed) Error {
	var timestamp any = s.Timestamp
	if seconds, err := strconv.ParseInt(s.Timestamp, 10, 64); err == nil && isDigits(s.Timestamp) {
		timestamp = seconds
	}
	return Error{Code: CodeNotAllowed, Message: messageNotAllowed, Data: []any{
		messageSignatureError, seen{s.URI, s.Key, timestamp, s.SignMethod, s.SignVersion, s.Method},
	}}
}
