import Core
import Crypto
import CryptoExtras

/// Passwords of people, hashed with scrypt (OWASP: N = 2^17, r = 8, p = 1).
enum Passwords {
    private static let rounds = 1 << 17, blockSize = 8, parallelism = 1

    /// `scrypt$N$r$p$salt$hash`, salt and hash in hex.
    static func hash(_ password: Secret) throws(KinoraError) -> String {
        let salt = SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) }
        do {
            let key = try KDF.Scrypt.deriveKey(
                from: Array(password.revealed().utf8), salt: salt, outputByteCount: 32, rounds: rounds,
                blockSize: blockSize, parallelism: parallelism)
            let digest = Hex.text(key.withUnsafeBytes { Array($0) })
            return "scrypt$\(rounds)$\(blockSize)$\(parallelism)$\(Hex.text(salt))$\(digest)"
        } catch {
            throw KinoraError(.internalFault, detail: "scrypt: \(error)")
        }
    }

    /// 24 characters without look-alikes: about 136 bits.
    static func random() -> Secret {
        let alphabet = Array("23456789ABCDEFGHJKMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz")
        return Secret(String((0..<24).map { _ in alphabet.randomElement()! }))
    }
}
