extension Unicode.Scalar {
    /// As [[:cntrl:]] has it in the database: with the separators of lines and of paragraphs.
    var isControl: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}

extension String {
    /// Without what would steer a terminal, for some of it comes from clients and vendors: line breaks and
    /// tabs are blanks, other control characters and those that turn the direction are blotted out. Scalar by
    /// scalar, since CR and LF together are one Character.
    var plain: String {
        let scalars = unicodeScalars.map { scalar -> Unicode.Scalar in
            if scalar.isControl, scalar.properties.isWhitespace { return " " }
            return scalar.isControl || scalar.properties.isBidiControl ? "\u{FFFD}" : scalar
        }
        return String(String.UnicodeScalarView(scalars))
    }
}
