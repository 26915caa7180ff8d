package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const (
	// findTimeout bounds the look-ups of one payment: a request waits for them.
	findTimeout = 5 * time.Second
	// maxFindAccounts is how many of a merchant's accounts are asked about one
	// payment, the oldest first.
	maxFindAccounts = 8
	// maxFindNumber is the longest number that is asked for.
	maxFindNumber = 64
)

// Payments are what is known of charges when a payment is looked for.
type Payments interface {
	// ChargeByAny finds a charge as dialect.Reader's does.
	ChargeByAny(ctx context.Context, merchantID, name string) (refund.Charge, error)
}

// WantedPayment names a payment that is not registered. At least one of the two
// numbers is there.
type WantedPayment struct {
	// Channel is the kind of channel whose accounts are asked; "" is every one.
	Channel string
	// TransactionID is the payment's number at the channel, OrderNo the merchant's.
	// The former is asked for first.
	TransactionID, OrderNo string
	// SubMerchant is for whom the payment was made; "" where nobody says.
	SubMerchant string
	// Owner is what the channel calls the merchant who asks, by a setting that says
	// whose account it is: other accounts are not asked, for an order's number is one
	// payment's at one of them alone. "" is any account.
	Owner string
	// Names gives the charge its names before it is registered.
	Names func(refund.Charge) refund.Charge
}

// FindPayment looks for a payment that is not registered at the merchant's channel
// accounts, and registers it with what the channel says of it; the record names who
// asked. Errors: KindChargeNotFound, where every account that could know it said
// that there is no such payment, or none that succeeded, a moment ago or now;
// KindBusy, where one of them did not answer, or was asked too often; KindInvalid,
// where the order number is that of payments at several of them; and those of
// registering.
func (a *Admin) FindPayment(ctx context.Context, by By, merchantID string, wanted WantedPayment) (refund.Charge, error) {
	record, err := a.record(by, merchantID, "charge.find", cmp.Or(wanted.TransactionID, wanted.OrderNo))
	if err != nil {
		return refund.Charge{}, err
	}
	if !askable(wanted.TransactionID) || !askable(wanted.OrderNo) || wanted.TransactionID+wanted.OrderNo == "" {
		return refund.Charge{}, noSuchPayment(wanted)
	}
	accounts, all, err := a.findable(ctx, merchantID, wanted)
	switch {
	case err != nil:
		return refund.Charge{}, err
	case len(accounts) == 0 && !all:
		return refund.Charge{}, notAnswered(errNotAsked)
	case len(accounts) == 0:
		return refund.Charge{}, noSuchPayment(wanted)
	}
	key := findKey{merchantID, wanted.Channel, wanted.TransactionID, wanted.OrderNo, wanted.SubMerchant, wanted.Owner}
	found, err := a.finds.once(key, a.now, func() (foundPayment, error) {
		return a.askForPayment(ctx, accounts, all, wanted)
	})
	if err != nil {
		return refund.Charge{}, err
	}
	if found, err = a.oneName(ctx, merchantID, found, wanted); err != nil {
		return refund.Charge{}, err
	}
	charge, err := a.found(ctx, merchantID, found, wanted)
	if err != nil {
		return refund.Charge{}, err
	}
	record = record.With("channel_account", charge.ChannelAccount).With("charge", charge.ID)
	results, err := a.s.Store.ImportCharges(ctx, []refund.Charge{charge}, record)
	switch {
	case err != nil:
		return refund.Charge{}, err
	case results[0].Err != nil:
		return refund.Charge{}, results[0].Err
	case !results[0].Again:
		a.done(merchantID)
	}
	return a.counted(ctx, results[0].Charge, found), nil
}

// counted is a charge that was found, with what its channel lists as refunded adopted:
// each refund under its own id, so that a later notice of it is known. What can't be
// listed now is counted by the engine, before the charge's first refund.
func (a *Admin) counted(ctx context.Context, c refund.Charge, p foundPayment) refund.Charge {
	if !p.listed() || !c.Detail.LookedUp || !c.VerifiedAt.IsZero() || c.ChannelAccount != p.account.ID {
		return c
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), findTimeout)
	defer cancel()
	after, err := a.s.Engine.CountRefunded(ctx, c, p.Payment)
	if err != nil {
		a.s.Log.Warn("what was refunded of a payment that was found is not counted yet", "account_id", p.account.ID, "charge_id", c.ID, "error", err)
		return c
	}
	after.Aliases = c.Aliases
	return after
}

// foundPayment is a payment with the account that knows it.
type foundPayment struct {
	channel.Payment
	account merchant.ChannelAccount
	// lists says that the account can list the payment's refunds.
	lists bool
	// byOrder says that the payment was found by its order number, which ChinaUMS
	// takes for the payment's too.
	byOrder bool
}

// listed reports whether something of the payment was refunded, and can be listed.
func (p foundPayment) listed() bool { return p.Refunded > 0 && p.lists }

// same reports whether two accounts know one payment: of one channel, and with the
// channel's one number.
func (p foundPayment) same(q foundPayment) bool {
	return p.account.Channel == q.account.Channel && p.TransactionID != "" && p.TransactionID == q.TransactionID
}

// findable are the accounts that can be asked about a payment, with their
// connectors. all says that there are no others: none that has to be mended first,
// and no more than may be asked.
func (a *Admin) findable(ctx context.Context, merchantID string, wanted WantedPayment) (accounts []channel.Opened, all bool, err error) {
	known, err := a.s.Store.ChannelAccounts(ctx, merchantID)
	if err != nil {
		return nil, false, err
	}
	all = true
	for _, account := range known {
		if account.State == merchant.AccountClosed || wanted.Channel != "" && account.Channel != wanted.Channel || !a.ownedBy(account, wanted.Owner) {
			continue
		}
		opened, err := a.s.Channels.Connector(ctx, account.ID)
		var broken *channel.OpenError
		switch {
		case errors.As(err, &broken):
			all = false // an alert says that it has to be mended
		case err != nil:
			return nil, false, err
		case !opened.Nature.Capabilities.Charges:
		case len(accounts) == maxFindAccounts:
			all = false
		default:
			accounts = append(accounts, opened)
		}
	}
	return accounts, all, nil
}

// ownedBy reports whether an account is its channel's for whom the channel calls
// owner; "" is anybody.
func (a *Admin) ownedBy(account merchant.ChannelAccount, owner string) bool {
	if owner == "" {
		return true
	}
	driver, ok := a.s.Channels.Driver(account.Channel)
	return ok && slices.ContainsFunc(driver.Settings(), func(s merchant.Setting) bool { return s.Whose && account.Settings[s.Name] == owner })
}

// errNotAsked says that an account may know a payment and could not be asked.
var errNotAsked = errors.New("an account could not be asked")

// notAnswered is the error of a look-up to which not every account that could know
// the payment gave an answer.
func notAnswered(cause error) error {
	fault := refund.Errorf(refund.KindBusy, "", "the channel did not say whether it knows the payment; nothing was accepted, try again")
	fault.Cause = cause
	return fault
}

// askForPayment asks the accounts at the same time. The first of them that knows the
// payment by the channel's own number has it. An order number may be that of several
// payments, as where the order was paid twice: it names one only where every account
// answered, and none knows another.
func (a *Admin) askForPayment(ctx context.Context, accounts []channel.Opened, all bool, wanted WantedPayment) (foundPayment, error) {
	// Others may wait for the same answer: it does not end with the request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), findTimeout)
	defer cancel()
	payments, errs := make([]foundPayment, len(accounts)), make([]error, len(accounts))
	var asking sync.WaitGroup
	for n, opened := range accounts {
		asking.Go(func() { payments[n], errs[n] = a.askAccountFor(ctx, opened, wanted) })
	}
	asking.Wait()
	var found []foundPayment
	for n, err := range errs {
		switch {
		case err == nil && !payments[n].byOrder:
			return payments[n], nil
		case err == nil:
			found = append(found, payments[n])
		}
	}
	for n, err := range errs {
		if err != nil && !errors.Is(err, channel.ErrNotFound) && !errors.Is(err, channel.ErrUnsupported) {
			a.s.Log.Warn("a payment that is not registered could not be looked up", "account_id", accounts[n].Account.ID, "error", err)
			return foundPayment{}, notAnswered(err)
		}
	}
	if !all {
		return foundPayment{}, notAnswered(errNotAsked)
	}
	if len(found) == 0 {
		return foundPayment{}, noSuchPayment(wanted)
	}
	for _, other := range found[1:] {
		if !found[0].same(other) {
			return foundPayment{}, severalPayments(wanted, found[0], other)
		}
	}
	return found[0], nil
}

// askAccountFor asks one account by each number. A payment that has not succeeded is
// none.
func (a *Admin) askAccountFor(ctx context.Context, opened channel.Opened, wanted WantedPayment) (foundPayment, error) {
	refs := []channel.PaymentRef{{TransactionID: wanted.TransactionID}, {OrderNo: wanted.OrderNo}}
	for _, ref := range refs {
		if ref.TransactionID+ref.OrderNo == "" {
			continue
		}
		if !a.finds.mayAsk(opened.Account.ID, a.now()) {
			return foundPayment{}, fmt.Errorf("more than %d payments a second that are not registered were asked for", findsPerSecond)
		}
		ref.Charge.Detail.SubMerchant = wanted.SubMerchant
		p, err := safely(func() (channel.Payment, error) { return opened.Connector.Charge(ctx, ref) })
		switch {
		case errors.Is(err, channel.ErrNotFound), errors.Is(err, channel.ErrUnsupported), err == nil && !p.Paid:
		case err == nil && (p.Amount.Minor <= 0 || p.Refunded < 0 || p.Refunded > p.Amount.Minor):
			return foundPayment{}, errors.New("the channel does not say what was paid and refunded")
		default:
			return foundPayment{Payment: p, account: opened.Account, lists: opened.Nature.Capabilities.List, byOrder: ref.TransactionID == "" || ref.TransactionID == p.OrderNo}, err
		}
	}
	return foundPayment{}, channel.ErrNotFound
}

// found is the charge of a payment: the one that is registered already under
// another name, or a new one.
func (a *Admin) found(ctx context.Context, merchantID string, p foundPayment, wanted WantedPayment) (refund.Charge, error) {
	now := a.now()
	c := refund.Charge{
		MerchantID: merchantID, ID: "ch_" + refund.NewID(now), CreatedAt: now, UpdatedAt: now,
		TransactionID: cmp.Or(p.TransactionID, wanted.TransactionID), OrderNo: cmp.Or(p.OrderNo, wanted.OrderNo),
		Channel: channelOf(p), ChannelAccount: p.account.ID, Routed: true,
		Currency: p.Amount.Currency, Amount: p.Amount.Minor, PaidAt: p.PaidAt,
		Detail: refund.Detail{SubMerchant: wanted.SubMerchant, LookedUp: true},
	}
	if c.TransactionID == "" {
		return refund.Charge{}, refund.Errorf(refund.KindBusy, "", "the channel knows the payment and does not say its number; nothing was accepted")
	}
	c.OrderNo = cmp.Or(c.OrderNo, c.TransactionID)
	if c.PaidAt.IsZero() {
		c.PaidAt = now
	}
	switch {
	case p.RefundedUnknown: // the engine tells an operator, before the first refund
	case p.listed(): // its refunds are adopted; see counted
	default:
		c.AlreadyRefunded, c.VerifiedAt = p.Refunded, now
	}
	switch known, err := a.s.Store.ChargeByAny(ctx, merchantID, c.TransactionID); {
	case err == nil && known.TransactionID == c.TransactionID:
		c.Channel, c.ChannelAccount, c.OrderNo = known.Channel, known.ChannelAccount, known.OrderNo
		c.Aliases = slices.Clone(known.Aliases)
	case err != nil && refund.KindOf(err) != refund.KindChargeNotFound && refund.KindOf(err) != refund.KindInvalid:
		return refund.Charge{}, err
	}
	return wanted.Names(c), nil
}

// channelOf is what a found charge's channel is called: as its connector says, else
// by the first name that its account takes, else as the channel itself.
func channelOf(p foundPayment) string {
	if p.Channel != "" {
		return p.Channel
	}
	if takes := Takes(p.account); len(takes) > 0 {
		return takes[0]
	}
	return p.account.Channel
}

// askable reports whether a channel could have made a number: of visible ASCII
// characters.
func askable(number string) bool {
	hidden := func(c rune) bool { return c <= ' ' || c > '~' }
	return len(number) <= maxFindNumber && strings.IndexFunc(number, hidden) < 0
}

// severalPayments is the error of an order number that is not one payment's, as of
// any name that stands for several.
func severalPayments(wanted WantedPayment, one, other foundPayment) error {
	e := refund.Errorf(refund.KindInvalid, "charge", "the order number stands for several payments, at channel accounts %s and %s; nothing was accepted (hint: name the payment by the channel's number, or register it)",
		one.account.ID, other.account.ID)
	e.Charge = wanted.OrderNo
	return e
}

func noSuchPayment(wanted WantedPayment) error {
	e := refund.Errorf(refund.KindChargeNotFound, "charge", "there is no such charge, and no channel account knows such a payment")
	e.Charge = cmp.Or(wanted.TransactionID, wanted.OrderNo)
	return e
}
