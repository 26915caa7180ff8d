package money

// Ceiling bounds what may be asked for in one currency, in minor units; 0 is no
// bound.
type Ceiling struct {
	Currency Currency `json:"currency"`
	// PerRefund bounds one refund.
	PerRefund Minor `json:"max_refund,omitempty"`
	// PerDay bounds the sum of a UTC day.
	PerDay Minor `json:"max_day,omitempty"`
}
