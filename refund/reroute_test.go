package refund_test

import (
	"testing"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

func TestANewDestinationTakesASecondPersonWhereTheRefundDid(t *testing.T) {
	asker, other := audit.ByKey("key_1"), audit.ByUser("a@example.com")
	native, nobody, channel := refund.Asker{Dialect: "native", Key: "key_1"}, refund.Asker{}, refund.Asker{Dialect: refund.ByChannel}
	for name, test := range map[string]struct {
		by                        audit.Actor
		mayApprove, judged, takes bool
		asked                     refund.Asker
		approved                  string
	}{
		"no approval, no policies":         {by: asker, takes: true, asked: native},
		"approved, without the right":      {by: other, asked: native, approved: "x"},
		"approved, by who asked":           {by: asker, mayApprove: true, asked: native, approved: "x"},
		"approved, by another":             {by: other, mayApprove: true, takes: true, asked: native, approved: "x"},
		"policies, without the right":      {by: other, judged: true, asked: native},
		"policies, by who asked":           {by: asker, mayApprove: true, judged: true, asked: native},
		"policies, by another":             {by: other, mayApprove: true, judged: true, takes: true, asked: native},
		"policies, nobody knows who asked": {by: other, mayApprove: true, judged: true, asked: nobody},
		"policies, the channel's own":      {by: other, mayApprove: true, judged: true, takes: true, asked: channel},
	} {
		err := refund.MayReroute(refund.Refund{ID: "re_1", By: test.asked, Approved: test.approved}, audit.Person{Actor: test.asked.Actor()}, audit.Person{Actor: test.by}, test.mayApprove, test.judged)
		if (err == nil) != test.takes || err != nil && (err.Kind != refund.KindForbidden || err.Refund != "re_1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whoever may have asked for the refund as somebody else is no second person.
func TestWhoChoosesANewDestinationIsNotTheRequesterByAnotherName(t *testing.T) {
	asked := refund.Asker{Key: "a@example.com", Dialect: refund.ByConsole}
	for name, test := range map[string]struct {
		then      audit.Behind // who was behind the requester
		asked, by audit.Person
		takes     bool
	}{
		"two people":                       {"", audit.Person{Actor: asked.Actor()}, audit.Person{Actor: audit.ByUser("b@example.com")}, true},
		"a key of the requester":           {"", audit.Person{Actor: asked.Actor()}, audit.Person{Actor: audit.ByKey("key_1"), Behind: "user a@example.com"}, false},
		"who set the requester's password": {"", audit.Person{Actor: asked.Actor(), Behind: "user b@example.com"}, audit.Person{Actor: audit.ByUser("b@example.com")}, false},
		"who had set it then":              {"user b@example.com", audit.Person{Actor: asked.Actor()}, audit.Person{Actor: audit.ByUser("b@example.com")}, false},
		"nobody looked who is behind":      {"", audit.Person{}, audit.Person{Actor: audit.ByUser("b@example.com")}, false},
	} {
		asked.Behind = test.then
		err := refund.MayReroute(refund.Refund{ID: "re_1", By: asked}, test.asked, test.by, true, true)
		if (err == nil) != test.takes || err != nil && err.Kind != refund.KindForbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}
