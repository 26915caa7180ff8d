package pingpp

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Charge is the charge object (P2.2-1), all 28 members always present. Object
// is written as "charge" whatever it holds.
//
// Refunded is true as soon as any refund exists, even a failed one; Refunds
// holds the newest refunds first; AmountRefunded is in minor units. TimePaid
// and TransactionNo are null until the charge is paid. A service that only
// refunds leaves Credential empty, which is written as {}: null makes a Java
// client fail.
type Charge struct {
	ID             string          `json:"id"`
	Object         string          `json:"object"`
	Created        int64           `json:"created"`
	Livemode       bool            `json:"livemode"`
	Paid           bool            `json:"paid"`
	Refunded       bool            `json:"refunded"`
	Reversed       bool            `json:"reversed"`
	App            AppReference    `json:"app"`
	Channel        string          `json:"channel"`
	OrderNo        string          `json:"order_no"`
	ClientIP       string          `json:"client_ip"`
	Amount         int64           `json:"amount"`
	AmountSettle   int64           `json:"amount_settle"`
	Currency       string          `json:"currency"`
	Subject        string          `json:"subject"`
	Body           string          `json:"body"`
	Extra          json.RawMessage `json:"extra"`
	TimePaid       *int64          `json:"time_paid"`
	TimeExpire     int64           `json:"time_expire"`
	TimeSettle     *int64          `json:"time_settle"`
	TransactionNo  *string         `json:"transaction_no"`
	Refunds        List[Refund]    `json:"refunds"`
	AmountRefunded int64           `json:"amount_refunded"`
	FailureCode    *string         `json:"failure_code"`
	FailureMsg     *string         `json:"failure_msg"`
	Metadata       json.RawMessage `json:"metadata"`
	Credential     json.RawMessage `json:"credential"`
	Description    *string         `json:"description"`
}

// MarshalJSON writes empty extra, metadata and credential as {}, and gives the
// embedded refunds their address if they have none. It fails with ErrNotObject
// or ErrListURL when a member has a shape that clients cannot read.
func (charge Charge) MarshalJSON() ([]byte, error) {
	charge.Object = ObjectCharge
	members := []struct {
		name string
		raw  *json.RawMessage
	}{{"extra", &charge.Extra}, {"metadata", &charge.Metadata}, {"credential", &charge.Credential}}
	for _, member := range members {
		if err := fillObject(member.name, member.raw); err != nil {
			return nil, fmt.Errorf("write charge %s: %w", charge.ID, err)
		}
	}
	if charge.Refunds.URL == "" {
		charge.Refunds.URL = RefundsPath(charge.ID)
	}
	type plain Charge // drops this method, which would call itself
	return Marshal(plain(charge))
}

// AppReference is a charge's member app: the id as a string or, only when the
// request asked for it with expand[]=app, the app object. Go and C# clients
// cannot decode the object, so it must never be sent unasked (P2.2-4).
type AppReference struct {
	ID       string
	Expanded *App
}

// App is the expanded form of a charge's app. The contract knows no further
// members.
type App struct {
	ID     string `json:"id"`
	Object string `json:"object"`
}

// MarshalJSON writes the id, or the object when there is one.
func (reference AppReference) MarshalJSON() ([]byte, error) {
	if reference.Expanded == nil {
		return Marshal(reference.ID)
	}
	expanded := *reference.Expanded
	expanded.Object = ObjectApp
	return Marshal(expanded)
}

// UnmarshalJSON reads either form; ID is set in both.
func (reference *AppReference) UnmarshalJSON(text []byte) error {
	*reference = AppReference{}
	if !bytes.HasPrefix(text, []byte("{")) {
		return json.Unmarshal(text, &reference.ID)
	}
	if err := json.Unmarshal(text, &reference.Expanded); err != nil {
		return fmt.Errorf("read app: %w", err)
	}
	reference.ID = reference.Expanded.ID
	return nil
}
