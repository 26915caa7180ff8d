package refund

// ChargeName is the name of a charge in a dialect, unique there for the merchant. With
// Dialect "" it is the charge's own id, where that is no name of another charge.
type ChargeName struct{ MerchantID, Dialect, Name string }

// ByName is what a unit says of its one charge, and of its request, while only a
// ChargeName is known: who takes the unit finds the charge where it locks it, which
// saves a look-up before.
type ByName struct {
	Dialect, Name string
	// Complete makes the unit of its charge, with one request, which is for the charge.
	// MerchantID and By of what it returns do not count. An error ends the unit, and
	// nothing is accepted. It may be called several times, but not twice at once; locks
	// are held meanwhile, so that it must not read or wait.
	Complete func(Charge) (Unit, error)
}
