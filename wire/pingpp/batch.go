package pingpp

import (
	"encoding/json"
	"fmt"
)

// Further values of a batch's status (P2.7-4), besides those of a refund.
const (
	StatusCreated            = "created"
	StatusPartiallySucceeded = "partially_succeeded"
)

// Bounds of a batch of refunds (P3.5-2 and P3.5-4).
const (
	MinBatchNo      = 3
	MaxBatchNo      = 24
	MaxBatchCharges = 100
)

// IsBatchNo reports whether text is 3 to 24 letters or digits.
func IsBatchNo(text string) bool {
	return len(text) >= MinBatchNo && len(text) <= MaxBatchNo && isAlphanumeric(text)
}

// BatchRefund is the batch_refund object (P2.7-1), all members always present.
// Charges are objects, which Go, Java and C# need. TimeSucceeded is null until
// the last refund has ended. Object is written as "batch_refund" whatever it
// holds.
type BatchRefund struct {
	ID            string          `json:"id"`
	Object        string          `json:"object"`
	App           string          `json:"app"`
	BatchNo       string          `json:"batch_no"`
	Created       int64           `json:"created"`
	Description   string          `json:"description"`
	Metadata      json.RawMessage `json:"metadata"`
	Charges       []BatchCharge   `json:"charges"`
	Refunds       BatchRefunds    `json:"refunds"`
	RefundURL     string          `json:"refund_url"`
	Status        string          `json:"status"`
	TimeSucceeded *int64          `json:"time_succeeded"`
	Livemode      bool            `json:"livemode"`
}

// MarshalJSON writes empty metadata as {} and no charges as []. It fails with
// ErrNotObject when metadata is something else.
func (batch BatchRefund) MarshalJSON() ([]byte, error) {
	batch.Object = ObjectBatchRefund
	if err := fillObject("metadata", &batch.Metadata); err != nil {
		return nil, fmt.Errorf("write batch refund %s: %w", batch.ID, err)
	}
	if batch.Charges == nil {
		batch.Charges = []BatchCharge{}
	}
	type plain BatchRefund // drops this method, which would call itself
	return Marshal(plain(batch))
}

// BatchCharge is one charge of a batch. Amount is in minor units; Refund is the
// id of the refund that was made of it.
type BatchCharge struct {
	Charge        string  `json:"charge"`
	Amount        int64   `json:"amount"`
	Description   string  `json:"description"`
	Status        string  `json:"status"`
	Refund        *string `json:"refund"`
	FailureMsg    *string `json:"failure_msg"`
	FundingSource *string `json:"funding_source"`
}

// BatchRefunds is the list of all of a batch's refunds. Its url is null, as
// recorded: it is not a collection that can be asked for (P2.7-2).
type BatchRefunds struct {
	Object  string   `json:"object"`
	URL     *string  `json:"url"`
	HasMore bool     `json:"has_more"`
	Data    []Refund `json:"data"`
}

// MarshalJSON writes data as [] when it is nil.
func (list BatchRefunds) MarshalJSON() ([]byte, error) {
	list.Object = ObjectList
	if list.Data == nil {
		list.Data = []Refund{}
	}
	type plain BatchRefunds // drops this method, which would call itself
	return Marshal(plain(list))
}
