package comparator

// soundex returns the American Soundex code of a text without accents, as the
// National Archives of the United States define it: equal codes side by side are
// one, also across h and w. Zeros where the text has no letter of the alphabet.
func soundex(s string) (code [4]byte) {
	const codes = "01230120022455012623010202" // of a to z; 0 for vowels, h, w, y
	n := 0
	last := byte('0')
	for i := 0; i < len(s) && n < len(code); i++ {
		c := s[i] | 0x20
		if c < 'a' || c > 'z' || s[i] >= 0x80 {
			continue
		}
		digit := codes[c-'a']
		switch {
		case n == 0:
			code[0] = c
			n = 1
			last = digit
		case c == 'h' || c == 'w':
		case digit == '0':
			last = '0'
		case digit != last:
			code[n] = digit
			n++
			last = digit
		}
	}
	for ; n > 0 && n < len(code); n++ {
		code[n] = '0'
	}
	return code
}
