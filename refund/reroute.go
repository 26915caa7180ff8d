package refund

import "github.com/refundry/refundry/audit"

// MayReroute refuses whoever may not choose a new destination of an abnormal refund.
// Where the refund had an approval, or its merchant has policies (judged), the
// destination takes a second person as the refund did: somebody who may approve, and
// did not ask for the refund. asked is who asked, with who may act as them now. The
// error is KindForbidden.
func MayReroute(r Refund, asked, by audit.Person, mayApprove, judged bool) *Error {
	asker := audit.Person{Actor: r.By.Actor(), Behind: r.By.Behind}
	if asked.Actor == asker.Actor {
		asker.Behind = asker.Behind.With(asked.Behind.People())
	}
	text := ""
	switch {
	case r.Approved == "" && !judged:
		return nil
	case !mayApprove:
		text = "to send it elsewhere takes the right refunds:approve: what was approved did not name the new destination"
	case asker.Actor == by.Actor:
		text = "who asked for the refund may not choose its new destination: that takes another person or key"
	case asker.Actor == (audit.Actor{}) && r.By.Dialect != ByChannel:
		text = "it is not known who asked for it, so that nobody can be known to be another"
	case asker.Actor != (audit.Actor{}) && asked.Actor != asker.Actor:
		text = "it is not known who may act as " + asker.Actor.String() + ", who asked for it"
	case asker.Actor != (audit.Actor{}):
		text = OnePerson("asked for it", "choose its new destination", asker, by)
	}
	if text == "" {
		return nil
	}
	e := Errorf(KindForbidden, "", "%s", text)
	e.Refund = r.ID
	return e
}
