package refund

import "github.com/refundry/refundry/audit"

// MayReroute refuses whoever may not choose a new destination of an abnormal refund.
// Where the refund had an approval, or its merchant has policies (judged), the
// destination takes a second person as the refund did: somebody who may approve, and
// did not ask for the refund. The error is KindForbidden.
func MayReroute(r Refund, by audit.Actor, mayApprove, judged bool) *Error {
	var text string
	switch asker := r.By.Actor(); {
	case r.Approved == "" && !judged:
		return nil
	case !mayApprove:
		text = "to send it elsewhere takes the right refunds:approve: what was approved did not name the new destination"
	case asker == by:
		text = "who asked for the refund may not choose its new destination: that takes another person or key"
	case asker == (audit.Actor{}) && r.By.Dialect != ByChannel:
		text = "it is not known who asked for it, so that nobody can be known to be another"
	default:
		return nil
	}
	e := Errorf(KindForbidden, "", "%s", text)
	e.Refund = r.ID
	return e
}
