package stripe

import (
	"net/http"
	"strings"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

// statuses are a refund's by its state in the books. One that waits for its payer is
// abnormal there, and one that came back is failed.
var statuses = map[channelsim.State]string{
	channelsim.Processing: "pending", channelsim.Succeeded: "succeeded", channelsim.Failed: "failed",
	channelsim.Abnormal: "requires_action", channelsim.Returned: "failed",
}

// refund is the refund object.
func (s *Side) refund(books *channelsim.Books, r channelsim.Refund) object {
	p := books.Payment(r.TransactionID)
	metadata := make(map[string]string)
	for name, value := range r.Attributes {
		if key, ok := strings.CutPrefix(name, metadataPrefix); ok {
			metadata[key] = value
		}
	}
	out := object{
		"id": r.ID, "object": "refund", "amount": unitsOf(p, r.Amount), "balance_transaction": "txn_" + strings.TrimPrefix(r.ID, "re_"), "charge": r.TransactionID,
		"created": r.CreatedAt.Unix(), "currency": strings.ToLower(string(r.Currency)), "metadata": metadata, "payment_intent": intentOf(p), "reason": nil,
		"receipt_number": nil, "source_transfer_reversal": nil, "status": statuses[r.State], "transfer_reversal": nil,
		"destination_details": object{"card": object{"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}, "type": "card"},
	}
	if reason := r.Attributes[attributeReason]; reason != "" {
		out["reason"] = reason
	}
	switch {
	case r.Attributes[attributeCanceled] != "" && r.State == channelsim.Failed:
		out["status"] = "canceled"
	case r.State == channelsim.Processing:
		out["pending_reason"] = "processing"
	case r.State == channelsim.Failed:
		out["failure_reason"], out["failure_balance_transaction"] = "declined", "txn_F"+strings.TrimPrefix(r.ID, "re_")
	case r.State == channelsim.Returned:
		out["failure_reason"], out["failure_balance_transaction"] = "expired_or_canceled_card", "txn_F"+strings.TrimPrefix(r.ID, "re_")
	case r.State == channelsim.Abnormal:
		out["next_action"] = object{"type": "display_details", "display_details": object{"expires_at": r.CreatedAt.AddDate(0, 0, 45).Unix()}}
	}
	return out
}

// show answers with a refund, and with what expand asks for.
func (s *Side) show(c *channelsim.Call, _ *channelsim.Refund, shown channelsim.Refund, f form) channelsim.Answer {
	out := s.refund(c.Books, shown)
	for _, name := range f.nested("expand") {
		if refused := s.expand(c, out, name); refused != nil {
			return *refused
		}
	}
	return answer(http.StatusOK, out)
}

// expand replaces an id in an object by the object.
func (s *Side) expand(c *channelsim.Call, out object, name string) *channelsim.Answer {
	first, rest, _ := strings.Cut(name, ".")
	id, _ := out[first].(string)
	var inner object
	switch first {
	case "charge", "latest_charge":
		if p := c.Books.Payment(id); p != nil {
			inner = s.charge(c.Books, p, p.Amount)
		}
	case "payment_intent":
		if p := byIntent(c.Books, id); p != nil {
			inner = s.intent(c.Books, p, p.Amount)
		}
	case "refunds":
		if out["object"] == "charge" {
			inner = s.refundsOf(c, c.Books.Payment(out["id"].(string)))
		}
	case "balance_transaction", "destination_details":
		return nil // left as it is
	}
	if inner == nil {
		a := bad("", "expand", "This property cannot be expanded (%s).", name)
		return &a
	}
	out[first] = inner
	if rest != "" {
		return s.expand(c, inner, rest)
	}
	return nil
}

// refundsOf is the newest of a charge's refunds.
func (s *Side) refundsOf(c *channelsim.Call, p *channelsim.Payment) object {
	all := c.Books.RefundsOf(p)
	data := make([]any, 0, defaultLimit)
	for n := len(all) - 1; n >= 0 && len(data) < defaultLimit; n-- {
		data = append(data, s.refund(c.Books, *all[n]))
	}
	return object{"object": "list", "url": pathCharges + "/" + p.TransactionID + "/refunds", "has_more": len(all) > len(data), "data": data}
}

// charge is the charge object; amount may be another than the payment's where a fault
// shows one.
func (s *Side) charge(books *channelsim.Books, p *channelsim.Payment, amount money.Minor) object {
	taken, brand := books.Taken(p), p.Attributes[attributeBrand]
	if brand == "" {
		brand = "mastercard"
	}
	n := unitsOf(p, amount)
	out := object{
		"id": p.TransactionID, "object": "charge", "amount": n, "amount_captured": n, "amount_refunded": unitsOf(p, taken), "balance_transaction": "txn_" + p.TransactionID[3:],
		"billing_details": object{}, "captured": true, "created": p.PaidAt.Unix(), "currency": strings.ToLower(string(p.Currency)), "description": nil, "disputed": false,
		"livemode": false, "metadata": object{"order_id": p.Number}, "outcome": object{"network_status": "approved_by_network", "type": "authorized"}, "paid": true,
		"payment_intent": intentOf(p), "payment_method_details": object{"card": object{"brand": brand, "country": "US", "last4": "4444"}, "type": "card"},
		"refunded": taken == p.Amount, "status": "succeeded",
	}
	if d := s.disputes[p.TransactionID]; d != nil {
		out["disputed"], out["dispute"] = true, d.id
	}
	return out
}

// intent is the payment intent object.
func (s *Side) intent(_ *channelsim.Books, p *channelsim.Payment, amount money.Minor) object {
	n := unitsOf(p, amount)
	return object{
		"id": intentOf(p), "object": "payment_intent", "amount": n, "amount_capturable": 0, "amount_received": n, "capture_method": "automatic", "created": p.PaidAt.Unix(),
		"currency": strings.ToLower(string(p.Currency)), "latest_charge": p.TransactionID, "livemode": false, "metadata": object{"order_id": p.Number},
		"payment_method_types": []string{"card"}, "status": "succeeded",
	}
}

func balance() object {
	return object{
		"object": "balance", "available": []object{{"amount": 100000000, "currency": "usd", "source_types": object{"card": 100000000}}}, "livemode": false,
		"pending": []object{{"amount": 0, "currency": "usd", "source_types": object{"card": 0}}},
	}
}
