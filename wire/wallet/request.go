package wallet

import (
	"net/netip"
	"strconv"
	"unicode/utf8"

	"github.com/refundry/refundry/wire/exactjson"
)

// Limits of a request's members, in Unicode characters unless they say
// otherwise (L2.6-12, L2.6-21 and L3-19).
const (
	MaxChargeID       = 64
	MaxDescription    = 255
	maxOldDescription = 99
	// MaxRefundOrder is of extra.refund_order, which travels on to a channel.
	MaxRefundOrder  = 32
	maxAmountDigits = 15
)

// ParamError says which member was refused and why. It is answered as
// CodeParam, or CodeBodyNotExist where Code says so; its text is safe to show.
type ParamError struct {
	Code  Code
	Param string // "" when the body itself is at fault
	Text  string
}

// Error returns the member and the text: "client_ip is required".
func (e *ParamError) Error() string {
	if e.Param == "" {
		return e.Text
	}
	return e.Param + " " + e.Text
}

func badParam(name, text string) *ParamError { return &ParamError{CodeParam, name, text} }

// RefundRequest is the body of POST /wallet/{wallet_id}/refund (L2.1-1 to
// L2.1-8).
type RefundRequest struct {
	ChargesID string
	// ClientIP is the text as sent, for the reply echoes it.
	ClientIP string
	// Amount is in the minor unit of the charge's currency.
	Amount      int64
	Description string // "" when absent or null
	// RefundOrder is extra.refund_order, the merchant's own refund number, ""
	// when there is none. Nothing else in extra means anything.
	RefundOrder string
}

// DecodeRefundRequest reads the body of the newer generation in the order of
// the checks (L2.6-11 to L2.6-24). Members that it doesn't know are ignored.
// Errors are *ParamError.
func DecodeRefundRequest(body exactjson.Value) (RefundRequest, error) {
	var r RefundRequest
	if body.Kind != exactjson.Object {
		return r, noBody()
	}
	var failure *ParamError
	if r.ChargesID, failure = chargeID(body, "charges_id"); failure != nil {
		return RefundRequest{}, failure
	}
	if r.ClientIP, failure = clientIP(body); failure != nil {
		return RefundRequest{}, failure
	}
	if r.Amount, failure = amount(body); failure != nil {
		return RefundRequest{}, failure
	}
	if r.Description, _, failure = text(body, "description", MaxDescription); failure != nil {
		return RefundRequest{}, failure
	}
	if r.RefundOrder, failure = refundOrder(body); failure != nil {
		return RefundRequest{}, failure
	}
	return r, nil
}

// DecodeOldRefundRequest reads the body of POST /charges/{id}/refunds, the
// older generation (L3-16): the path names the charge, description is required,
// with at most 99 characters, and client_ip is not known. One that is sent is
// checked all the same. Errors are *ParamError.
func DecodeOldRefundRequest(body exactjson.Value) (RefundRequest, error) {
	var r RefundRequest
	if body.Kind != exactjson.Object {
		return r, noBody()
	}
	var failure *ParamError
	if value, _ := body.Get("client_ip"); value.Kind != exactjson.Absent && value.Kind != exactjson.Null {
		if r.ClientIP, failure = clientIP(body); failure != nil {
			return RefundRequest{}, failure
		}
	}
	if r.Amount, failure = amount(body); failure != nil {
		return RefundRequest{}, failure
	}
	description, present, failure := text(body, "description", maxOldDescription)
	if failure != nil {
		return RefundRequest{}, failure
	}
	if !present || description == "" {
		return RefundRequest{}, badParam("description", "is required")
	}
	r.Description = description
	if r.RefundOrder, failure = refundOrder(body); failure != nil {
		return RefundRequest{}, failure
	}
	return r, nil
}

func noBody() *ParamError {
	return &ParamError{Code: CodeBodyNotExist, Text: "the body must be a JSON object"}
}

func chargeID(body exactjson.Value, name string) (string, *ParamError) {
	id, present, failure := text(body, name, MaxChargeID)
	if failure == nil && (!present || id == "") {
		failure = badParam(name, "is required")
	}
	return id, failure
}

// clientIP reads a textual IPv4 or IPv6 address. Zones, ports, networks and
// blanks are refused; IPv4 in IPv6 is kept as it was given.
func clientIP(body exactjson.Value) (string, *ParamError) {
	const name = "client_ip"
	ip, present, failure := text(body, name, 0)
	if failure != nil {
		return "", failure
	}
	if !present || ip == "" {
		return "", badParam(name, "is required")
	}
	if address, err := netip.ParseAddr(ip); err != nil || address.Zone() != "" {
		return "", badParam(name, "must be an IPv4 or IPv6 address")
	}
	return ip, nil
}

// amount reads the token itself: [1-9][0-9]* of at most 15 digits. The page
// says "number" without a unit; 1.00 and 1e2 are refused, so that a caller who
// thinks in yuan is stopped, or refunds too little, and never too much (L2.3-2
// to L2.3-5).
func amount(body exactjson.Value) (int64, *ParamError) {
	const name = "amount"
	value, _ := body.Get(name)
	switch {
	case value.Kind == exactjson.Absent || value.Kind == exactjson.Null:
		return 0, badParam(name, "is required")
	case value.Kind != exactjson.Number || !isAmount(value.Text):
		return 0, badParam(name, "must be a whole JSON number above 0 in the minor unit of the charge's currency, such as 100 fen for 1 yuan")
	}
	n, err := strconv.ParseInt(value.Text, 10, 64)
	if err != nil {
		return 0, badParam(name, "is too large")
	}
	return n, nil
}

func isAmount(token string) bool {
	for i := range len(token) {
		if token[i] < '0' || token[i] > '9' {
			return false
		}
	}
	return token != "" && token[0] != '0' && len(token) <= maxAmountDigits
}

// text reads a string of at most limit characters; limit 0 is none. Absent and
// null are the same.
func text(body exactjson.Value, name string, limit int) (content string, present bool, failure *ParamError) {
	value, _ := body.Get(name)
	switch value.Kind {
	case exactjson.Absent, exactjson.Null:
		return "", false, nil
	case exactjson.String:
	default:
		return "", false, badParam(name, "must be a string, not "+article(value.Kind))
	}
	if limit > 0 && utf8.RuneCountInString(value.Text) > limit {
		return "", false, badParam(name, "must have at most "+strconv.Itoa(limit)+" characters")
	}
	return value.Text, true, nil
}

// object reads a member that is an object, absent or null.
func object(body exactjson.Value, name string) (exactjson.Value, *ParamError) {
	value, _ := body.Get(name)
	switch value.Kind {
	case exactjson.Object, exactjson.Absent:
		return value, nil
	case exactjson.Null:
		return exactjson.Value{}, nil
	}
	return exactjson.Value{}, badParam(name, "must be an object, not "+article(value.Kind))
}

func article(kind exactjson.Kind) string {
	if kind == exactjson.Array || kind == exactjson.Object {
		return "an " + kind.String()
	}
	return "a " + kind.String()
}

// refundOrder reads extra.refund_order: 1 to 32 of 0-9, A-Z, a-z, _ and -.
func refundOrder(body exactjson.Value) (string, *ParamError) {
	const name = "extra.refund_order"
	extra, failure := object(body, "extra")
	if failure != nil {
		return "", failure
	}
	value, _ := extra.Get("refund_order")
	switch value.Kind {
	case exactjson.Absent, exactjson.Null:
		return "", nil
	case exactjson.String:
		if isRefundOrder(value.Text) {
			return value.Text, nil
		}
	}
	return "", badParam(name, "must be a string of 1 to 32 characters of 0-9, A-Z, a-z, _ and -")
}

func isRefundOrder(number string) bool {
	for i := range len(number) {
		c := number[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return number != "" && len(number) <= MaxRefundOrder
}
