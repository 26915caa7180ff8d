package payin

// Codes are those of the table of errors.
func Codes() (codes []string) {
	for code := range faults {
		codes = append(codes, string(code))
	}
	return codes
}

// Statuses are the words of a refund's status that are known.
func Statuses() (words []string) {
	for word := range states {
		words = append(words, word)
	}
	return words
}
