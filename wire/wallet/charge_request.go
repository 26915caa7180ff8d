package wallet

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/wire/exactjson"
)

// Limits of a charge request's members in Unicode characters (L3.1-3 to
// L3.1-11). Those of channel and order_no are ours.
const (
	maxChannel = 64
	maxOrderNo = 64
	maxSubject = 32
	maxBody    = 100
)

// maxExpire bounds time_expire: nobody pays an order a month later.
const maxExpire = 31 * 24 * time.Hour

// ChargeRequest is the body of POST /wallet/{wallet_id}/charges (L3-5).
type ChargeRequest struct {
	Channel     string
	OrderNo     string
	ClientIP    string // as sent
	Amount      int64  // minor units
	Currency    money.Currency
	Subject     string
	Body        string        // "" when absent
	TimeExpire  time.Duration // 0 when absent
	Description string        // "" when absent
	Extra       json.RawMessage
}

// DecodeChargeRequest reads the body of a new charge. Members that it doesn't
// know are ignored. Errors are *ParamError.
func DecodeChargeRequest(body exactjson.Value) (ChargeRequest, error) {
	if body.Kind != exactjson.Object {
		return ChargeRequest{}, noBody()
	}
	var r ChargeRequest
	for _, part := range []struct {
		name     string
		limit    int
		required bool
		content  *string
	}{
		{"channel", maxChannel, true, &r.Channel},
		{"order_no", maxOrderNo, true, &r.OrderNo},
		{"subject", maxSubject, true, &r.Subject},
		{"body", maxBody, false, &r.Body},
		{"description", MaxDescription, false, &r.Description},
	} {
		content, present, failure := text(body, part.name, part.limit)
		if failure != nil {
			return ChargeRequest{}, failure
		}
		if part.required && (!present || content == "") {
			return ChargeRequest{}, badParam(part.name, "is required")
		}
		*part.content = content
	}
	for _, read := range []func(exactjson.Value) *ParamError{r.readMoney, r.readExpire, r.readExtra} {
		if failure := read(body); failure != nil {
			return ChargeRequest{}, failure
		}
	}
	return r, nil
}

func (r *ChargeRequest) readMoney(body exactjson.Value) (failure *ParamError) {
	if r.ClientIP, failure = clientIP(body); failure != nil {
		return failure
	}
	if r.Amount, failure = amount(body); failure != nil {
		return failure
	}
	code, present, failure := text(body, "currency", 0)
	if failure != nil {
		return failure
	}
	if !present {
		return badParam("currency", "is required")
	}
	currency, err := ParseCurrency(code)
	if err != nil {
		return badParam("currency", "must be CHY or a code of ISO 4217")
	}
	r.Currency = currency
	return nil
}

// readExpire reads a duration such as 30m or 1h: a number and s, m, h or d.
func (r *ChargeRequest) readExpire(body exactjson.Value) *ParamError {
	const name = "time_expire"
	content, present, failure := text(body, name, 0)
	if failure != nil || !present || content == "" {
		return failure
	}
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	unit, ok := units[content[len(content)-1]]
	count, err := strconv.ParseUint(content[:len(content)-1], 10, 32)
	// Divided, for the product of a large count would wrap around.
	if !ok || err != nil || count == 0 || count > uint64(maxExpire/unit) {
		return badParam(name, "must be a duration such as 30m or 1h")
	}
	r.TimeExpire = time.Duration(count) * unit
	return nil
}

func (r *ChargeRequest) readExtra(body exactjson.Value) *ParamError {
	extra, failure := object(body, "extra")
	r.Extra = slices.Clone(extra.Raw)
	return failure
}
